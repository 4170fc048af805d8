"""Many users on a few GPUs, in virtual time: the scheduler is the real one, the engines and the people are made up."""
