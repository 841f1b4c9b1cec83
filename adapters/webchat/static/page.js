// The desk's page: its buttons open the chat, ask an example, and copy the snippet; an address with #start=… begins as a link into a chat does.
const begin = async () => {
  const payload = /^#start=([\w-]{1,64})$/.exec(location.hash)?.[1];
  const chat = document.querySelector("support-chat");
  if (!payload || !chat) return;
  history.replaceState(null, "", location.pathname + location.search); // a reload must not do it again
  await customElements.whenDefined("support-chat");
  await chat.open();
  // What it carries is written for the desk, and a code for linking is nobody's business: only that a link was followed is shown.
  chat.put({ command: "start", argument: payload, label: "🔗" });
};
addEventListener("hashchange", begin);
begin();
addEventListener("click", (event) => {
  const button = event.target.closest?.("button");
  const chat = document.querySelector("support-chat");
  if (!button || !chat) return;
  if ("open" in button.dataset) chat.open();
  if (button.dataset.ask) chat.ask(button.dataset.ask);
  if ("copy" in button.dataset) {
    const code = button.parentElement.querySelector("code");
    const done = () => { button.textContent = button.dataset.done; };
    const select = () => getSelection().selectAllChildren(code); // no clipboard on plain http: one key press is left
    navigator.clipboard ? navigator.clipboard.writeText(code.textContent).then(done, select) : select();
  }
});
