"""`python -m bot` is the command `relevo`."""

from bot.cli import main

main()
