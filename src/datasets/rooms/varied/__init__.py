"""The varied style of made-up rooms: much more to see, and quick to render at the size that is trained on.

`tiles` and `pictures` paint surfaces, `pieces` builds furniture, `plan` puts a room together, `light` lights it, `render`
looks at it, `paths` moves the camera. World: z up, metres, the room's floor centred on the origin.
"""
