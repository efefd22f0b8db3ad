"""What people read: the terminal summary and the offline page."""
