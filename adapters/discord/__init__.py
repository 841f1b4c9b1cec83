"""Discord as a platform: direct messages, mentions in servers, slash commands, buttons and modals, over the gateway."""
