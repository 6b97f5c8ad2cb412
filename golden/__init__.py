"""lutloom: memory-based language model inference, from the float checkpoint to the bit-exact golden model."""

__version__ = "0.1.0"
