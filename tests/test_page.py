"""report.html: what is embedded, its epipolar lines, and a browser, narrow and wide."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from scenes import sideways_poses, write_frames
from test_compute_tsed import write_sample_spec

from photonvs.commands.compute_tsed import main
from photonvs.utils.files import atomic_path

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
COUNT = 5


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page of a sample whose fourth camera is wrong, with true frames and image metrics."""
    folder = tmp_path_factory.mktemp("page")
    sample = folder / "samples" / "a<b>&amp;"
    frames = sample / "samples" / "00000000" / "images"
    write_frames(frames, sideways_poses(COUNT), 0.9)
    shutil.copytree(frames, sample / "true-ims")
    (sample / "true-ims" / "0004.png").unlink()
    shutil.copytree(
        frames,
        sample / "init-ims",
        ignore=lambda _, names: [name for name in names if name != "0000.png"],
    )
    poses = sideways_poses(COUNT)
    poses[3, 1, 3] += 0.6
    write_sample_spec(sample, poses)
    rows = [
        {"frame": k, "number": k, "psnr": 20.0 + k, "ssim": None, "psnr_of_copying": 15.0}
        for k in range(1, 4)
    ]
    with atomic_path(sample / "evaluation" / "00000000" / "metrics.json") as temporary:
        temporary.write_text(json.dumps({"frames": rows}))
    main(["-o", "samples", "--instance-data", str(folder), "--workers", "1"])
    return sample / "evaluation" / "00000000" / "report.html"


def embedded(page):
    return json.loads(
        re.search(
            r'<script id="data" type="application/json">(.*?)</script>', page.read_text(), re.DOTALL
        )[1]
    )


def test_it_holds_all_that_it_shows(page):
    text = page.read_text()
    assert not re.search(r"""(src|href)=["'](?!data:)""", text) and "http" not in text.replace(
        "http://www.w3.org/2000/svg", ""
    )
    assert "<title>a&lt;b&gt;&amp;amp;/00000000</title>" in text
    (sequence,) = embedded(page)["sequences"]
    assert sequence["name"] == "a<b>&amp;/00000000" and sequence["photo"].startswith(
        "data:image/jpeg;base64,"
    )
    assert [frame["given"] for frame in sequence["frames"]] == [True, False, False, False, False]
    assert [frame["true"] is None for frame in sequence["frames"]] == [
        False,
        False,
        False,
        False,
        True,
    ]
    assert sequence["psnr"][0] == [1, 21.0, 15.0] and sequence["rows"][0] == ["1", "21", "-", "15"]


def test_its_points_and_matrices_give_the_distances(page):
    (sequence,) = embedded(page)["sequences"]
    assert [pair["consistent"] for pair in sequence["pairs"]] == [True, True, False, False]
    for pair in sequence["pairs"]:
        points, fundamental = np.array(pair["points"]), np.array(pair["fundamental"])
        assert len(points) > 50 and np.all(np.diff(points[:, 4]) >= 0), "from the best to the worst"
        first, second = (
            np.column_stack([points[:, columns], np.ones(len(points))])
            for columns in ([0, 1], [2, 3])
        )
        lines = first @ fundamental.T, second @ fundamental
        distances = [
            np.abs((line * point).sum(axis=1)) / np.hypot(*line.T[:2])
            for line, point in zip(lines, (second, first), strict=True)
        ]
        np.testing.assert_allclose(
            np.mean(distances, axis=0), points[:, 4], atol=0.02
        )  # points are rounded to 0.01


# Run in the page, as a user would: what it shows is posted to the page around it.
PROBE = """<script>
addEventListener("error", event => parent.postMessage("error: " + event.message, "*"));
addEventListener("load", () => setTimeout(() => {
  const overflow = document.documentElement.scrollWidth - innerWidth;
  const seen = {ready: document.body.dataset.ready, overflow};
  const fire = (target, type) => target.dispatchEvent(new Event(type, {bubbles: true}));
  seen.frames = document.querySelectorAll("#views figure").length;
  seen.loaded = [...document.images].every(image => image.naturalWidth > 0);
  seen.chooser = getComputedStyle(document.getElementById("chooser")).display;
  seen.first = document.getElementById("verdict").textContent;
  seen.lines = document.querySelectorAll("#pair svg:first-of-type line").length;
  const slider = document.getElementById("slider");
  slider.value = 4; fire(slider, "input");
  seen.empty = document.querySelectorAll(".empty").length;
  document.getElementById("worst").click();
  seen.worst = document.getElementById("verdict").textContent;
  fire(document.querySelector("#pair circle"), "click");
  seen.single = document.querySelectorAll("#pair line").length;
  document.getElementById("more").click(); document.getElementById("more").click();
  seen.all = document.querySelectorAll("#pair line").length;
  const parts = [...document.querySelectorAll("main section, main .card, img, svg")];
  const inside = parts.filter(one => one.getClientRects().length);
  seen.wide = inside.filter(one => one.getBoundingClientRect().right > innerWidth + 1).length;
  parent.postMessage(JSON.stringify(seen), "*");
}, 200));
</script>"""


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")
@pytest.mark.parametrize("width", [360, 1280])
def test_in_a_browser(page, tmp_path, width):
    (tmp_path / "page.html").write_text(page.read_text().replace("<main>", PROBE + "<main>"))
    (tmp_path / "around.html").write_text(
        f'<iframe src="page.html" width="{width}" height="800"></iframe><pre id="said"></pre>'
        "<script>onmessage = event => { said.textContent += event.data; }</script>"
    )
    flags = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking "
    flags += "--disable-component-update --disable-sync --virtual-time-budget=5000 --dump-dom "
    flags += f"--user-data-dir={tmp_path / 'profile'}"
    line = [CHROMIUM, *flags.split(), (tmp_path / "around.html").as_uri()]
    done = subprocess.run(line, capture_output=True, text=True, timeout=120)
    said = re.search('<pre id="said">(.*?)</pre>', done.stdout, re.DOTALL)
    assert said and said[1].startswith("{"), f"{done.stdout[-500:]}\n{done.stderr[-2000:]}"
    seen = json.loads(said[1])
    assert (
        seen["ready"] == "true" and seen["loaded"] and seen["overflow"] <= 0 and seen["wide"] == 0
    )
    assert seen["frames"] == 3 and seen["empty"] == 1 and seen["chooser"] == "none"
    assert seen["first"] == "Consistent." and seen["worst"] == "Not consistent."
    assert 5 <= seen["lines"] <= 24 and seen["single"] == 2 and seen["all"] > 50
