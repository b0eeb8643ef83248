// Shows how far an upload is. Without it the same form does the same, only silently.
// It reads no page but its own form, keeps nothing, and speaks to no other address.
(function () {
  'use strict'

  function size (bytes) {
    return bytes < 100000 ? Math.max(1, Math.round(bytes / 1000)) + ' KB' : (bytes / 1000000).toFixed(1) + ' MB'
  }

  document.addEventListener('submit', function (event) {
    var form = event.target
    if (!form.hasAttribute('data-upload')) return
    var chosen = form.querySelector('input[type=file]')
    var state = form.querySelector('[data-upload-state]')
    if (!chosen || !chosen.files.length || !state) return
    event.preventDefault()
    if (form.getAttribute('aria-busy') === 'true') return

    var bar = state.querySelector('progress')
    var words = state.querySelector('[data-upload-words]')
    var buttons = form.querySelectorAll('button')
    var data = new FormData(form)
    if (event.submitter && event.submitter.name) data.append(event.submitter.name, event.submitter.value)

    function busy (is) {
      form.setAttribute('aria-busy', is ? 'true' : 'false')
      for (var i = 0; i < buttons.length; i++) buttons[i].disabled = is
    }

    function broken (why) {
      busy(false)
      words.textContent = why
    }

    var request = new XMLHttpRequest()
    request.open('POST', form.action)
    request.setRequestHeader('X-Upload', 'script')
    request.upload.onprogress = function (sent) {
      if (!sent.lengthComputable) return
      bar.value = Math.floor(100 * sent.loaded / sent.total)
      words.textContent = sent.loaded < sent.total
        ? size(sent.loaded) + ' of ' + size(sent.total)
        : 'Being encrypted'
    }
    request.onload = function () {
      var where = request.getResponseHeader('X-Go')
      if (where) {
        window.location.assign(where)
        return
      }
      document.open()
      document.write(request.responseText)
      document.close()
    }
    request.onerror = request.onabort = function () {
      broken('The connection broke. What you typed is still here: press the button again.')
    }
    state.hidden = false
    words.textContent = 'Begun'
    busy(true)
    request.send(data)
  })
})()
