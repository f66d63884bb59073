"""CO-RE: what a loader changes in a program's instructions for the kernel that it loads it into."""
