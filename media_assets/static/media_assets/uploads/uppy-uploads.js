import { AwsS3, Uppy } from "../vendor/uppy/uppy.min.mjs"; // with a bundler: from "uppy"
import { explained, isLost } from "./plain-words.js";

const MIB = 1024 * 1024;

/**
 * A Uppy that uploads straight to the storage and then has the upload checked and completed. A file ends with the event
 * "upload-complete" (file, upload: the API's JSON) or with "upload-error"; `file.error` is then a sentence to show.
 *
 * `config` is the answer of GET /api/media/config/. Call addToken() first.
 */
export function createUppy({ endpoint = "/api/uploads", config, ...options }) {
  const uppy = new Uppy({ autoProceed: true, ...options });
  uppy.use(AwsS3, {
    companionEndpoint: endpoint,
    allowedMetaFields: ["size"], // with it the store takes a file of exactly that many bytes
    shouldUseMultipart: (file) => config.multipart_upload && file.size > 5 * MIB,
    getChunkSize: ({ size }) => Math.max(8 * MIB, Math.ceil(size / 1000)),
  });
  uppy.on("file-added", (file) => uppy.setFileMeta(file.id, { size: file.size }));
  const completing = new Map();

  async function complete(fileId) {
    const { uploadId } = uppy.getFile(fileId);
    try {
      const upload = await untilAnswered(() => fetch(`${endpoint}/${uploadId}/complete/`, { method: "POST" }));
      if (!uppy.getFile(fileId)) return; // removed meanwhile
      uppy.setFileState(fileId, { upload });
      uppy.emit("postprocess-complete", uppy.getFile(fileId));
      uppy.emit("upload-complete", uppy.getFile(fileId), upload);
    } catch (error) {
      if (uppy.getFile(fileId)) uppy.emit("upload-error", uppy.getFile(fileId), error);
    } finally {
      completing.delete(fileId);
    }
  }

  // Each file is completed as soon as its own bytes are there; Uppy's batch ends when all of them are.
  uppy.on("upload-success", (file, response) => {
    const [, uploadId] = /staging\/([0-9a-f-]{36})\//.exec(response.body.key);
    uppy.setFileState(file.id, { uploadId });
    completing.set(file.id, complete(file.id));
  });
  uppy.addPostProcessor((fileIds) => {
    const open = fileIds.map((id) => uppy.getFile(id)).filter((file) => file?.uploadId && !file.upload && !file.error);
    return Promise.all(open.map((file) => completing.get(file.id) ?? complete(file.id)));
  });

  uppy.on("upload-error", (file, error) => {
    if (file) uppy.setFileState(file.id, { error: explained(error), lost: isLost(error) });
  });
  uppy.on("back-online", () => {
    for (const file of uppy.getFiles()) if (file.error && file.lost) resume(uppy, file.id);
  });
  return uppy;
}

/** Go on with a file that failed: with the parts that are missing, or, where it was refused, from the beginning. */
export function resume(uppy, fileId) {
  const { lost, progress } = uppy.getFile(fileId);
  if (!lost) {
    const anew = { uploadStarted: null, uploadComplete: false, percentage: 0, bytesUploaded: false };
    uppy.setFileState(fileId, { uploadId: null, s3Multipart: undefined, progress: { ...progress, ...anew } });
  }
  return uppy.retryUpload(fileId);
}

/** The JSON of a call that may be repeated: tried five times over half a minute while nobody answers. */
async function untilAnswered(call) {
  for (let pause = 1000; ; pause *= 2) {
    try {
      return await (await call()).json();
    } catch (error) {
      if (!isLost(error) || pause > 8000) throw error;
      await new Promise((next) => setTimeout(next, pause));
    }
  }
}
