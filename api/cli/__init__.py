"""The command line `tensorwright`: `dump`, `demo`."""
