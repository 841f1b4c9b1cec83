"""The running program: settings, wiring, command line, workers and the HTTP server. The only room that knows all the others."""
