"""Questions to the whole stream: Ibis expressions over sealed segments and the hot log, run by one of three engines."""
