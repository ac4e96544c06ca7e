"""Where events come from that are not sent over HTTP."""
