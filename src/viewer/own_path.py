"""The user's own cameras: placed, moved and turned by handles, and ordered."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .pictures import sentence
from .plan import OWN, Plan
from .world import pose_of

if TYPE_CHECKING:
    import viser

    from .steer import Steer


class OwnPath:
    """The part of steering that is about single cameras."""

    def __init__(self, steer: "Steer") -> None:
        self.steer = steer
        self.chosen = 0
        gui, guarded = steer.desk.server.gui, steer.desk.guarded
        self._folder = gui.add_folder("My cameras", visible=False)
        with self._folder:
            self._text = gui.add_html("")
            self._add = gui.add_button("Add a camera", icon="plus", color="gray")
            self._add_here = gui.add_button(
                "Add a camera where I am",
                icon="map-pin-plus",
                color="gray",
                hint="Where you look from now, in the scene",
            )
            self._camera = gui.add_dropdown("Chosen camera", ("photo",))
            self._order = gui.add_button_group("This camera", ("earlier", "later", "delete"))
            self._even = gui.add_checkbox("Even speed", True)
            self._seconds = gui.add_slider("Takes", 0.2, 5.0, 0.1, 1.0, visible=False)
        self._add.on_click(guarded(lambda _: self._insert(None)))
        self._add_here.on_click(guarded(self._insert_here))
        self._camera.on_update(guarded(lambda _: self.choose(_number(self._camera.value))))
        self._order.on_click(guarded(lambda _: self._rearrange(self._order.value)))
        self._even.on_update(guarded(lambda _: self._set_even(self._even.value)))
        self._seconds.on_update(guarded(lambda _: self._set_seconds(self._seconds.value)))

    def show(self, plan: Plan) -> None:
        """The controls say what the plan is."""
        self._folder.visible = plan.move == OWN
        count = len(plan.keyframes)
        self.chosen = min(self.chosen, count - 1)
        self._camera.options = tuple(_name(index) for index in range(count))
        self._camera.value = _name(self.chosen)
        self._even.value = plan.even
        self._seconds.visible = not plan.even and self.chosen > 0
        self._seconds.value = plan.keyframes[self.chosen].seconds
        text = "Drag the arrows to move the chosen camera, and the arcs to turn it."
        self._text.content = sentence(text if count > 1 else "Add a second camera.", "soft")

    def show_cameras(self, field_of_view: float) -> None:
        """The cameras in the scene, and the chosen one's handle; field_of_view: radians."""
        plan = self.steer.plan
        if plan.move != OWN:
            self.steer.world.show_handle(None)
            return
        poses = [one.pose for one in plan.keyframes]
        self.steer.world.show_keyframes(poses, field_of_view, self.choose)
        self._show_handle()

    def _show_handle(self) -> None:
        pose = self.steer.plan.keyframes[self.chosen].pose if self.chosen else None
        self.steer.world.show_handle(pose, self._moved)

    def choose(self, index: int) -> None:
        """Another camera gets the handle."""
        self.chosen = index
        self.show(self.steer.plan)
        self._show_handle()

    def _moved(self, pose: np.ndarray) -> None:
        self.steer.change(self.steer.plan.moved(self.chosen, pose))

    def _insert(self, pose: np.ndarray | None) -> None:
        plan = self.steer.plan.inserted(self.chosen, pose)
        self.chosen += 1
        self.steer.change(plan)

    def _insert_here(self, event: "viser.GuiEvent") -> None:
        turned = pose_of(event.client.camera)
        turned[:, 1:3] *= -1  # viser's cameras look along +z, with y down
        self._insert(turned)

    def _rearrange(self, how: str) -> None:
        plan, chosen = self.steer.plan, self.chosen
        if how == "delete":
            plan, self.chosen = plan.deleted(chosen), chosen - 1
        else:
            by = -1 if how == "earlier" else 1
            plan, self.chosen = plan.reordered(chosen, by), chosen + by
        self.steer.change(plan)

    def _set_even(self, even: bool) -> None:
        self.steer.change(replace(self.steer.plan, even=even))

    def _set_seconds(self, seconds: float) -> None:
        self.steer.change(self.steer.plan.timed(self.chosen, seconds))


def _name(index: int) -> str:
    return "photo" if index == 0 else f"camera {index + 1}"


def _number(name: str) -> int:
    return 0 if name == "photo" else int(name.split()[1]) - 1
