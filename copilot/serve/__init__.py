"""The engine host: one loaded model for every editor, window and colleague."""
