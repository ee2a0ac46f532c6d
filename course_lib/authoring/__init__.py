"""From a lesson's text to its executed solution notebook and its release."""
