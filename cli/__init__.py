"""The terminal: the only room that knows one."""
