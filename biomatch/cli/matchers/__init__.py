"""Commands about matchers: templates from images, fitted profiles, predictions, published figures."""
