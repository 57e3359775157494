@tool
extends VBoxContainer
## Shows the frames of takes as they come, and any of them again.

const MAX_FRAMES: int = 2000 ## kept in all; then the oldest take goes

var _frames: Dictionary[int, Dictionary] = {} # take → number → Texture2D
var _kept: int = 0
var _take: int = 0
var _follow: bool = true
var _preview: Texture2D # of the take _previewed, while it has no frames; null = none
var _previewed: int = 0
var _picture: TextureRect = TextureRect.new()
var _slider: HSlider = HSlider.new()
var _label: Label = Label.new()


func _init() -> void:
	_picture.custom_minimum_size = Vector2(0, 140)
	_picture.expand_mode = TextureRect.EXPAND_IGNORE_SIZE
	_picture.stretch_mode = TextureRect.STRETCH_KEEP_ASPECT_CENTERED
	_slider.step = 1.0
	_slider.drag_started.connect(func() -> void: _follow = false)
	_slider.value_changed.connect(func(_value: float) -> void: _show())
	add_child(_picture)
	add_child(_slider)
	add_child(_label)


## Takes a frame that came.
func add_frame(take: int, number: int, image: Image) -> void:
	if not _frames.has(take):
		_frames[take] = {}
		while _kept >= MAX_FRAMES and _frames.size() > 1:
			var oldest: int = _frames.keys().min()
			_kept -= _frames[oldest].size()
			_frames.erase(oldest)
	if not _frames[take].has(number):
		_kept += 1
	_frames[take][number] = ImageTexture.create_from_image(image)
	if take != _take:
		show_take(take)
	elif _follow:
		_slider.max_value = _last()
		_slider.set_value_no_signal(number)
		_show()
	else:
		_slider.max_value = _last()


## What a take looks like so far, while none of its frames has come; null = that is over.
func show_preview(take: int, image: Image) -> void:
	if image == null and take != _previewed:
		return
	var begins := take != _previewed
	_previewed = take
	_preview = ImageTexture.create_from_image(image) if image != null and frames_of(take) == 0 else null
	if begins and _preview != null:
		show_take(take)
	elif take == _take:
		_show()


## Shows a take from its first frame, or the one being made as it comes.
func show_take(take: int) -> void:
	_take = take
	_follow = true
	_slider.max_value = _last()
	_slider.set_value_no_signal(0)
	_show()


## Forgets all: in another session the same numbers are other takes.
func forget() -> void:
	_frames.clear()
	_kept = 0
	_take = 0
	_preview = null
	_previewed = 0
	_show()


## How many frames of a take are here.
func frames_of(take: int) -> int:
	return _frames.get(take, {}).size()


func _last() -> int:
	var numbers: Array = _frames.get(_take, {}).keys()
	return 0 if numbers.is_empty() else numbers.max()


func _show() -> void:
	var so_far: Texture2D = _preview if _take == _previewed and frames_of(_take) == 0 else null
	_picture.texture = so_far if so_far != null else _frames.get(_take, {}).get(int(_slider.value))
	if so_far != null:
		_label.text = "take %d so far" % _take
		return
	_label.text = "take %d, frame %d of %d" % [_take, int(_slider.value) + 1, frames_of(_take)] if _frames.has(_take) else "no frames yet"
