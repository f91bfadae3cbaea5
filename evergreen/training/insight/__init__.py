"""What a fitted model does: why it predicts what it predicts, what it leans on, and what more rows would bring."""
