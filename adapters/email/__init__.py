"""E-mail as a platform: what is said to an address is sent there by SMTP. Receiving is not built yet."""
