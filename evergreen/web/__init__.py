"""The room of every HTTP door: who may come in, and in which way. It knows nothing of what lies behind.

A server wraps its application, whatever ASGI framework it is of, in a ``Door`` with a ``Policy``, and adds no rule of
its own. What is checked, in this order: the ``Host``, where a browser's request comes from, who asks, the type and the
size of the body; then each answer gets the headers that tell a browser what it may do with it.
"""
