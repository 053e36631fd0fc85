"""What at least two services need; it knows none of them.

From the ground up: ``errors``, ``domain`` (arithmetic and tables), ``resources`` (the documents of
iter8.tools/v2alpha2), ``events`` (what services say to each other), ``settings``, ``runtime`` (the
only room that knows there is a broker), ``testing``.
"""
