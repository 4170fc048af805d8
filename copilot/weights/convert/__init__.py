"""From one model format to another: GGUF to safetensors."""
