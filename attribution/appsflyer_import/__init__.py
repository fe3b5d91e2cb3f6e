"""AppsFlyer's raw data becomes ours: installs, events after them, and the touches that brought them."""
