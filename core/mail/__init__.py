"""Parse mail: headers, parts, HTML, charsets, the text that is sent, and marks for possible prompt injection."""
