"""The scene in the middle of the page: cameras that carry their frames, handles, the poster.

It is seen from the given photo's camera, which is the origin: x right, y up, looking along -z.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..cameras.geometry import OPENCV_TO_BLENDER
from ..cameras.rotations import matrix_of_quaternion, quaternion_of_matrix

if TYPE_CHECKING:
    import viser

    from .desk import Desk

Colour = tuple[int, int, int]
GIVEN, CAMERA, CHOSEN, KEYFRAME = (232, 150, 12), (120, 130, 145), (47, 111, 237), (217, 45, 32)


class World:
    """What the scene shows. Nothing here decides anything."""

    def __init__(self, desk: "Desk") -> None:
        server, self._guarded = desk.server, desk.guarded
        self.server, self.scene = server, server.scene
        self.scene.set_up_direction("+y")
        # From all sides alike, so that colours are those that are meant.
        self.scene.configure_default_lights(enabled=False)
        self.scene.configure_environment_map(None)
        self.scene.add_light_ambient("/light", intensity=3.0)
        self.poses = np.zeros((0, 4, 4))  # as shown
        self._cameras: list[viser.CameraFrustumHandle] = []
        self._rest: list[viser.SceneNodeHandle] = []
        self._handle: viser.TransformControlsHandle | None = None
        self._chosen = 0
        self._colours: list[Colour] = []
        self.size = 0.1
        self._target, self._reach = np.array([0.0, 0.0, -1.0]), 2.0
        server.on_client_connect(self._place)

    def show_path(
        self,
        poses: np.ndarray,
        field_of_view: float,
        images: Mapping[int, np.ndarray],
        given: Sequence[int],
        choose: Callable[[int], object],
    ) -> None:
        """Cameras at the poses (n, 4, 4), the first of `given` at the origin.

        field_of_view: radians. images: what each camera carries, by index. choose: called with the
        index of a camera that was clicked.
        """
        self.clear()
        self.poses = np.linalg.inv(poses[given[0]]) @ poses
        self.size = _camera_size(self.poses)
        places = self.poses[:, :3, 3]
        if len(places) > 1:
            line = np.stack([places[:-1], places[1:]], axis=1)
            added = self.scene.add_line_segments("/path", line, CAMERA, thickness=0.004)
            self._rest.append(added)
        self._colours = [GIVEN if index in given else CAMERA for index in range(len(poses))]
        for index, pose in enumerate(self.poses):
            camera = self._frustum(
                f"/cameras/{index}", pose, field_of_view, self._colours[index], images.get(index)
            )
            camera.on_click(self._guarded(lambda _, index=index: choose(index)))
            self._cameras.append(camera)
        self.choose(min(self._chosen, len(poses) - 1))

    def _frustum(
        self,
        name: str,
        pose: np.ndarray,
        field_of_view: float,
        colour: Colour,
        image: np.ndarray | None = None,
    ) -> "viser.CameraFrustumHandle":
        return self.scene.add_camera_frustum(
            name,
            field_of_view,
            1.0,
            scale=self.size,
            thickness=0.03 * self.size,
            color=colour,
            image=image,
            wxyz=quaternion_of_matrix((pose @ OPENCV_TO_BLENDER)[:3, :3]),
            position=pose[:3, 3],
            cast_shadow=False,
            receive_shadow=False,
        )

    def set_image(self, index: int, image: np.ndarray) -> None:
        """What a camera carries."""
        if index < len(self._cameras):
            self._cameras[index].image = image

    def choose(self, index: int) -> None:
        """Make one camera stand out."""
        for number in {self._chosen, index}:
            if number < len(self._cameras):
                chosen = number == index
                self._cameras[number].color = CHOSEN if chosen else self._colours[number]
                self._cameras[number].scale = self.size * (1.6 if chosen else 1.0)
        self._chosen = index

    def cameras(self) -> np.ndarray:
        """The poses (n, 4, 4) of the cameras as the browser was told, camera-to-world."""
        poses = np.tile(np.eye(4), (len(self._cameras), 1, 1))
        for pose, camera in zip(poses, self._cameras, strict=True):
            pose[:3, :3] = matrix_of_quaternion(camera.wxyz)
            pose[:3, 3] = camera.position
        return poses @ OPENCV_TO_BLENDER

    def show_poster(self, photo: np.ndarray, width: float, distance: float) -> None:
        """The photo, upright, `distance` before the origin."""
        turned = quaternion_of_matrix(OPENCV_TO_BLENDER[:3, :3])
        place = (0.0, 0.0, -distance)
        poster = self.scene.add_image(
            "/poster", photo, width, width, wxyz=turned, position=place, cast_shadow=False
        )
        self._rest.append(poster)

    def show_keyframes(
        self, poses: Sequence[np.ndarray], field_of_view: float, choose: Callable[[int], object]
    ) -> None:
        """The cameras of the user's own path; a click calls `choose`."""
        for index, pose in enumerate(poses):
            frustum = self._frustum(f"/keyframes/{index}", pose, field_of_view, KEYFRAME)
            frustum.scale = self.size * 2
            frustum.on_click(self._guarded(lambda _, index=index: choose(index)))
            text = "photo" if index == 0 else str(index + 1)
            label = self.scene.add_label(f"/keyframes/{index}/label", text)
            self._rest += [label, frustum]

    def show_handle(
        self, pose: np.ndarray | None, moved: Callable[[np.ndarray], object] | None = None
    ) -> None:
        """Arrows and arcs that move and turn a camera; None: no handle.

        moved: called with the pose (4, 4) after it was dragged.
        """
        if self._handle is not None:
            self._handle.remove()
            self._handle = None
        if pose is None:
            return
        self._handle = self.scene.add_transform_controls(
            "/handle",
            scale=max(0.25, 3 * self.size),
            depth_test=False,
            wxyz=quaternion_of_matrix(pose[:3, :3]),
            position=pose[:3, 3],
        )

        def update(event: "viser.TransformControlsEvent") -> None:
            if event.phase == "end":
                moved(pose_of(event.target))

        self._handle.on_update(self._guarded(update))

    def show_pairs(
        self,
        colours: Sequence[Colour],
        clicked: "Callable[[int, viser.ClientHandle], object]",
    ) -> None:
        """A ball between each two cameras in the pair's colour; a click calls `clicked`."""
        places = self.poses[:, :3, 3]
        middles = (places[:-1] + places[1:]) / 2
        line = np.stack([places[:-1], places[1:]], axis=1)
        both_ends = np.repeat(np.array(colours, np.uint8)[:, None], 2, axis=1)
        width = 0.1 * self.size
        self._rest.append(self.scene.add_line_segments("/scores", line, both_ends, thickness=width))
        for index, (place, colour) in enumerate(zip(middles, colours, strict=True)):
            ball = self.scene.add_icosphere(
                f"/pairs/{index}",
                radius=0.22 * self.size,
                color=colour,
                position=place,
                cast_shadow=False,
            )
            ball.on_click(self._guarded(lambda event, index=index: clicked(index, event.client)))
            self._rest.append(ball)

    def clear(self) -> None:
        """Take everything away but the handle, which may be in use."""
        for node in [*self._cameras, *self._rest]:
            node.remove()
        self._cameras, self._rest = [], []

    def step_back(self, others: np.ndarray | None = None) -> None:
        """Show everyone all cameras, and other points (n, 3)."""
        ahead = self.poses[:, :3, 3] - 3 * self.size * self.poses[:, :3, 2]
        points = np.concatenate(
            [self.poses[:, :3, 3], ahead, *([] if others is None else [others])]
        )
        self._target = (points.min(axis=0) + points.max(axis=0)) / 2
        self._reach = float(np.ptp(points, axis=0).max())
        for client in self.server.get_clients().values():
            self._place(client)

    def _place(self, client: "viser.ClientHandle") -> None:
        """Put a visitor where all is in view; a narrow window needs more distance."""
        aspect = max(client.camera.aspect, 0.2)
        away = self._reach * max(1.0, 0.8 / aspect)
        # On a phone the controls cover the lower half.
        target = self._target - (np.array([0.0, 0.5 * away, 0.0]) if aspect < 0.6 else 0.0)
        with client.atomic():
            client.camera.up_direction = (0.0, 1.0, 0.0)
            client.camera.position = target + away * np.array([0.5, 0.55, 1.05])
            client.camera.look_at = target

    def stand_at(self, client: "viser.ClientHandle", index: int) -> None:
        """Look through a camera; dragging then turns around what is before it."""
        pose = self.poses[index]
        with client.atomic():
            client.camera.up_direction = pose[:3, 1]
            client.camera.position = pose[:3, 3]
            client.camera.look_at = pose[:3, 3] - pose[:3, 2]


def pose_of(node: "viser.SceneNodeHandle | viser.CameraHandle") -> np.ndarray:
    """The pose (4, 4) of a node."""
    pose = np.eye(4)
    pose[:3, :3] = matrix_of_quaternion(node.wxyz)
    pose[:3, 3] = node.position
    return pose


def _camera_size(poses: np.ndarray) -> float:
    """A size of cameras at which neighbours can be told apart."""
    steps = np.linalg.norm(np.diff(poses[:, :3, 3], axis=0), axis=1)
    typical = float(np.median(steps)) if len(steps) else 0.0
    return float(np.clip(1.2 * typical, 0.06, 0.25))
