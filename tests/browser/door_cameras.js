// A phone with two cameras, of which only the back one has a light. `asked` are the cameras that the page
// asked for, and `takeCamera` takes the running one away, as another app does.
(() => {
  window.asked = [];
  const film = navigator.mediaDevices.getUserMedia;
  const cameras = ["back", "front"].map((deviceId) => ({ kind: "videoinput", deviceId, label: deviceId }));
  navigator.mediaDevices.enumerateDevices = async () => cameras;
  navigator.mediaDevices.getUserMedia = async ({ video }) => {
    const chosen = video.deviceId ?? "back";
    window.asked.push(video.deviceId ?? video.facingMode);
    const stream = await film();
    const [track] = stream.getVideoTracks();
    track.getSettings = () => ({ deviceId: chosen });
    track.getCapabilities = () => ({ torch: chosen === "back" });
    track.applyConstraints = async () => undefined;
    window.takeCamera = () => track.dispatchEvent(new Event("ended"));
    return stream;
  };
})();
