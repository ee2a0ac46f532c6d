"""What makes a sandbox, what runs in it beside the learner's code, and what may cross its walls.

It must never hold a right or secret that a submission may not have; nothing it says is believed.
"""
