"""What happened and what is to be done about it: the pure heart of the desk. No I/O, no clock, no chance, no platform names."""
