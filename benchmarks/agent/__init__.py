"""A BPF object as large as real agents have them."""
