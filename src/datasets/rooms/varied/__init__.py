"""The varied style of made-up rooms: much more to see, and quick to render small.

`tiles`, `pictures` and `fronts` paint surfaces, which `stock` keeps for a room. `pieces`,
`furniture` and `fittings` build what stands in it. `builder` puts the room together as a `plan`,
`light` lights it, `render` looks at it, `paths` moves the camera, `shots` writes it all down.
World: z up, metres, the room's floor centred on the origin.
"""
