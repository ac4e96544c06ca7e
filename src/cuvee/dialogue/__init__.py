"""A conversation about a catalogue: a pure state machine over retrieval, in English and Chinese.

    understand(message, state, ...) -> acts      advance(state, acts) -> state      answer(state) -> turn

The state is data: it can be saved, replayed and shown. No language model is needed.
"""
