"""From one model format to another: GGUF to safetensors, safetensors to EXL2."""
