"""Side by side with another vendor: copies sent on to it, its numbers beside ours, and why they differ."""
