"""SendGrid's v3 Mail Send, validated as the real one does, and the inbox of everything it took."""
