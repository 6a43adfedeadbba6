"""Work that takes longer than an answer: in a process of its own, one at a time, its result kept."""
