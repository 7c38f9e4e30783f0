"""The notification service: tells people what happened, each fact once, in their language, by the channels they want."""
