"""One adapter per platform. Each translates the outside world into events and messages into platform calls; none holds desk logic."""
