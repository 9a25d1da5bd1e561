# Python loads this before moto_server when this folder is on PYTHONPATH. moto's routes are regular expressions in which `.` stops at a
# line feed, so that it answers 404 to every object whose key holds one; S3 does not.
from moto.moto_server import utilities


def _match_line_feeds(self, url_map, *items):
    super(utilities.RegexConverter, self).__init__(url_map)
    self.regex = f"(?s:{items[0]})"


utilities.RegexConverter.__init__ = _match_line_feeds
