"""Request and response middleware: plain objects over wire dicts, without I/O."""
