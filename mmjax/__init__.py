"""mmjax: models of images, text, audio, video and sensors together, in JAX."""
