"""Where numbers come from: HTTP back-ends that answer in JSON, made-up metrics, built-in ones."""
