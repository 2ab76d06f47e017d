"""What the terminal can show, and the fixes around it: themes, streams, suspend, clipboard, output filter."""
