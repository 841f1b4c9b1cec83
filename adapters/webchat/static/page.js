// The desk's page: its buttons open the chat, ask an example, and copy the snippet.
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
