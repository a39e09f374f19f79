"""What changes while a run goes on, as pure functions of its progress."""
