"""tensorwright."""
