"""Questions about code: what is asked of the model, how its answer is read, and what is proposed from it. No LSP."""
