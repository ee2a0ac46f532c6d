"""What a worker does with one job, in a process of this machine or of another one.

It must never open the gradebook or a file of the course, nor run a learner's code in its process.
"""
