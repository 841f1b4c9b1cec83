"""One guided piece of conversation per file; the engine calls them, they call nothing but `conversations`."""
