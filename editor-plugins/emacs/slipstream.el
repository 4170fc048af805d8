;;; slipstream.el --- Completions of a local model as ghost text  -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The Slipstream authors

;; Author: The Slipstream authors
;; Version: 0.1.0
;; Package-Requires: ((emacs "28.1"))
;; Keywords: convenience, languages, tools
;; SPDX-License-Identifier: Apache-2.0

;;; Commentary:

;; Slipstream is a coding copilot that runs on your own machine.  This
;; package shows its suggestions as ghost text while they are being
;; written, and asks it to explain, fix, document, test and rename code.
;;
;;   (require 'slipstream)
;;   (global-slipstream-mode 1)
;;
;; It has a connection of its own, so it works beside Eglot or lsp-mode
;; with whatever language server they use, and without either.
;;
;; While ghost text is visible at point these keys mean it, and they mean
;; what they always do at all other times (`slipstream-ghost-map'):
;;
;;   TAB        take it all                C-<right>  take the next word
;;   C-<down>   take the next line         M-n, M-p   another suggestion
;;   C-g, <escape>   dismiss it
;;
;; All commands are in `slipstream-command-map', which you may bind:
;;
;;   (global-set-key (kbd "C-c s") slipstream-command-map)

;;; Code:

(require 'cl-lib)
(require 'diff-mode)
(require 'jsonrpc)
(require 'project)
(require 'subr-x)
(require 'url-util)

(declare-function flymake-diagnostics "flymake" (&optional beg end))
(declare-function flymake-diagnostic-beg "flymake" (diag))
(declare-function flymake-diagnostic-end "flymake" (diag))
(declare-function flymake-diagnostic-text "flymake" (diag))
(declare-function lsp-register-client "ext:lsp-mode" (client))
(declare-function lsp-stdio-connection "ext:lsp-mode" (command &optional test-command))
(declare-function make-lsp-client "ext:lsp-mode" (&rest slots))
(defvar evil-state)

(defgroup slipstream nil
  "Completions of a local model."
  :group 'tools
  :prefix "slipstream-")

(defcustom slipstream-server-command nil
  "Program and arguments that start the language server.
Nil means the program `slipstream' on variable `exec-path', with the
argument \"lsp\"."
  :type '(choice (const :tag "The slipstream found on exec-path" nil) (repeat string))
  :risky t)

(defcustom slipstream-settings nil
  "Settings of the server, a property list such as (:maxLines 8).
The server's documentation lists them.  `slipstream-restart' makes a
change known."
  :type 'plist
  :risky t)

(defcustom slipstream-automatic t
  "Whether ghost text appears by itself.
If nil it comes with `slipstream-complete' only."
  :type 'boolean)

(defcustom slipstream-delay 0.03
  "Seconds after a key before the server is asked."
  :type 'number)

(defcustom slipstream-caret-delay 0.3
  "Seconds of rest after which the server is told where the caret is.
It then prepares for this place, and the first key is answered sooner."
  :type 'number)

(defcustom slipstream-inhibit-functions '(slipstream-modal-state-p slipstream-many-cursors-p)
  "Functions without arguments; where one returns non-nil nothing is suggested."
  :type 'hook)

(defcustom slipstream-mode-line-model t
  "Whether the mode line names the model."
  :type 'boolean)

(defcustom slipstream-language-ids
  '((c++-mode . "cpp") (c++-ts-mode . "cpp") (js-mode . "javascript") (js-ts-mode . "javascript")
    (js2-mode . "javascript") (js-jsx-mode . "javascriptreact") (rjsx-mode . "javascriptreact")
    (tsx-ts-mode . "typescriptreact") (sh-mode . "shellscript") (bash-ts-mode . "shellscript")
    (mhtml-mode . "html") (nxml-mode . "xml") (text-mode . "plaintext") (fundamental-mode . "plaintext")
    (gfm-mode . "markdown") (cperl-mode . "perl") (enh-ruby-mode . "ruby"))
  "Language ids of major modes whose name does not say them."
  :type '(alist :key-type symbol :value-type string))

(defface slipstream-ghost '((t :inherit shadow))
  "Face of text that is suggested.")

;;;; The connection

(defclass slipstream--server (jsonrpc-process-connection)
  ((state :initform 'starting :accessor slipstream--state
          :documentation "One of starting, ready and gone.")
   (status :initform nil :accessor slipstream--status
           :documentation "What `slipstream/didChangeStatus' said last.")
   (waiting :initform nil :accessor slipstream--waiting
            :documentation "Functions to call when it is ready.")
   (progress :initform (make-hash-table :test #'equal) :accessor slipstream--progress
             :documentation "From partial result token to a function of the value.")
   (streams :initform (make-hash-table :test #'equal) :accessor slipstream--streams
            :documentation "From stream name to the buffer that shows it.")
   (folders :initform nil :accessor slipstream--folders
            :documentation "Roots of projects that the server knows.")
   (began :initform (float-time) :accessor slipstream--began))
  :documentation "The one connection to the language server.")

(defvar-local slipstream--document nil "What the server knows of the current buffer.")
(defvar slipstream-mode)
(defvar slipstream--unanswered)

(defvar slipstream--the-connection nil)
(defvar slipstream--trouble nil "Why there is no server, in words already shown.")
(defvar slipstream--names 0 "How many tokens and streams were named.")
(defvar slipstream--focused nil "The buffer that the server takes for the one with the attention.")

(defun slipstream--new-name ()
  "A name that nothing had before."
  (format "emacs-%d" (cl-incf slipstream--names)))

(defun slipstream--command ()
  "The command line of the server; signals a `user-error' where there is none."
  (let* ((command (or slipstream-server-command '("slipstream" "lsp")))
         (program (executable-find (car command))))
    (unless program
      (user-error (concat "Slipstream: there is no program `%s' on exec-path; install Slipstream, "
                          "or say in `slipstream-server-command' where it is")
                  (car command)))
    (cons program (cdr command))))

(defun slipstream--capabilities ()
  "What this client can do, as LSP writes it."
  `(:general (:positionEncodings ["utf-32"])
    :textDocument (:synchronization (:didSave t)
                   :inlineCompletion (:dynamicRegistration :json-false))
    :workspace (:workspaceFolders t
                :workspaceEdit (:documentChanges t :resourceOperations ["create"]))))

(defun slipstream--folder (root)
  "The workspace folder of the project at ROOT."
  (list :uri (slipstream--file-uri root) :name (file-name-nondirectory (directory-file-name root))))

(defun slipstream--root ()
  "The root of the current buffer's project on this machine, or nil."
  (unless (file-remote-p default-directory)
    (when-let ((project (project-current)))
      (expand-file-name (project-root project)))))

(defun slipstream--connect ()
  "Start the server; the connection to it.  Signals a `user-error' in words."
  (let* ((command (slipstream--command))
         (root (slipstream--root))
         (connection
          (apply
           #'make-instance 'slipstream--server
           :name "slipstream"
           :process (lambda ()
                      (let ((default-directory (expand-file-name "~/")))
                        (make-process :name "slipstream" :command command :connection-type 'pipe
                                      :coding 'utf-8-emacs-unix :noquery t
                                      :stderr (get-buffer-create "*slipstream stderr*"))))
           :notification-dispatcher #'slipstream--notified
           :request-dispatcher #'slipstream--requested
           :on-shutdown #'slipstream--gone
           ;; The log of events would hold all that is typed.
           (if (fboundp 'jsonrpc--events-buffer-config)
               '(:events-buffer-config (:size 0))
             '(:events-buffer-scrollback-size 0)))))
    (setf (slipstream--folders connection) (and root (list root)))
    (jsonrpc-async-request
     connection :initialize
     (list :processId (emacs-pid)
           :clientInfo (list :name "Emacs" :version emacs-version)
           :rootUri (and root (slipstream--file-uri root))
           :workspaceFolders (and root (vector (slipstream--folder root)))
           :capabilities (slipstream--capabilities)
           :initializationOptions (append '(:status t :streams t :review t) slipstream-settings))
     :success-fn (lambda (result) (slipstream--initialized connection result))
     :error-fn (lambda (error) (slipstream--refused connection (plist-get error :message)))
     :timeout 60
     :timeout-fn (lambda () (slipstream--refused connection "it did not answer for a minute")))
    (setq slipstream--the-connection connection)))

(defun slipstream--refused (connection why)
  "End CONNECTION, which is of no use because of WHY."
  (unless (eq (slipstream--state connection) 'gone)
    (slipstream--warn (format "Slipstream: the server could not be used: %s" why))
    (slipstream--end connection)))

(defun slipstream--initialized (connection result)
  "The server behind CONNECTION answered RESULT."
  (if (not (equal (plist-get (plist-get result :capabilities) :positionEncoding) "utf-32"))
      (slipstream--refused connection "it does not know the position encoding utf-32")
    (jsonrpc-notify connection :initialized (make-hash-table))
    (setf (slipstream--state connection) 'ready)
    (setq slipstream--trouble nil)
    (jsonrpc-async-request
     connection :slipstream/status nil
     :success-fn (lambda (status) (slipstream--status-changed connection status))
     :error-fn #'ignore :timeout-fn #'ignore)
    (dolist (buffer (buffer-list))
      (when (buffer-local-value 'slipstream-mode buffer)
        (with-current-buffer buffer (slipstream--sync))))
    (let ((waiting (nreverse (slipstream--waiting connection))))
      (setf (slipstream--waiting connection) nil)
      (mapc #'funcall waiting))))

(defun slipstream--end (connection)
  "Have the server behind CONNECTION leave."
  (setf (slipstream--state connection) 'gone)
  (when (jsonrpc-running-p connection)
    (delete-process (jsonrpc--process connection))))

(defun slipstream--gone (connection)
  "The server behind CONNECTION is no more."
  (let ((expected (eq (slipstream--state connection) 'gone)))
    (setf (slipstream--state connection) 'gone)
    (maphash (lambda (_name buffer) (slipstream--stream-broke buffer)) (slipstream--streams connection))
    (when (eq connection slipstream--the-connection)
      (dolist (buffer (buffer-list))
        (when (buffer-local-value 'slipstream-mode buffer)
          (with-current-buffer buffer
            (slipstream--clear)
            (setq slipstream--document nil))))
      (cond
       (expected (setq slipstream--the-connection nil))
       ;; It may have met something odd; but one that falls over at once would do so again.
       ((> (- (float-time) (slipstream--began connection)) 30)
        (setq slipstream--the-connection nil)
        (message "Slipstream: the server ended; it is started again with the next key"))
       (t (slipstream--warn (concat "Slipstream: the server ended (its last words are in the buffer "
                                    "` *slipstream stderr*'); M-x slipstream-restart starts it again"))))
      (force-mode-line-update t))))

(defun slipstream--warn (words)
  "Show WORDS, once until it works again."
  (unless (equal words slipstream--trouble)
    (setq slipstream--trouble words)
    (message "%s" words)))

(defun slipstream--connection ()
  "The connection, starting the server where that was not tried in vain; or nil."
  (or slipstream--the-connection
      (unless slipstream--trouble
        (condition-case error
            (slipstream--connect)
          ((user-error file-error) (slipstream--warn (error-message-string error)) nil)))))

(defun slipstream--ready ()
  "The connection if the server answers by now, else nil."
  (let ((connection (slipstream--connection)))
    (and connection (eq (slipstream--state connection) 'ready) connection)))

(defun slipstream--when-ready (function)
  "Call FUNCTION in the current buffer as soon as the server answers."
  (let ((connection (slipstream--connection)) (buffer (current-buffer)))
    (cond ((or (null connection) (eq (slipstream--state connection) 'gone))
           (user-error "%s" (or slipstream--trouble "Slipstream: there is no server")))
          ((eq (slipstream--state connection) 'ready) (funcall function))
          (t (push (lambda () (when (buffer-live-p buffer) (with-current-buffer buffer (funcall function))))
                   (slipstream--waiting connection))))))

(defun slipstream--notify (method params)
  "Send the notification METHOD with PARAMS if the server is there."
  (when-let ((connection (slipstream--ready)))
    (jsonrpc-notify connection method params)))

(defun slipstream--notified (connection method params)
  "CONNECTION brought the notification METHOD with PARAMS."
  (pcase method
    ('$/progress
     (let ((take (gethash (plist-get params :token) (slipstream--progress connection))))
       (when take (funcall take (plist-get params :value)))))
    ('slipstream/stream (slipstream--stream-grew connection params))
    ('slipstream/didChangeStatus (slipstream--status-changed connection params))
    ('window/showMessage (message "%s" (plist-get params :message)))))

(defun slipstream--requested (_connection method params)
  "The server asks METHOD with PARAMS; the result."
  (pcase method
    ('window/showMessageRequest (message "%s" (plist-get params :message)) nil)
    ((or 'window/workDoneProgress/create 'client/registerCapability 'client/unregisterCapability) nil)
    (_ (jsonrpc-error :code -32601 :message "Emacs does not know this method"))))

(defun slipstream--status-changed (connection status)
  "Take STATUS from CONNECTION."
  (let ((before (plist-get (slipstream--status connection) :state))
        (state (plist-get status :state)))
    (setf (slipstream--status connection) status)
    (when (and (equal state "failed") (not (equal before "failed")))
      (message "%s" (slipstream--status-words status)))
    (when (and (member state '("ready" "busy")) (not (member before '("ready" "busy"))))
      ;; What was asked while the model came up is worth asking again.
      (with-current-buffer (window-buffer)
        (when (and slipstream-mode
                   (equal slipstream--unanswered (cons (point) (buffer-chars-modified-tick))))
          (slipstream--ask-completion 2))))
    (force-mode-line-update t)))

(defun slipstream--status-words (status)
  "STATUS for people."
  (string-join
   (delq nil
         (list (format "Slipstream: %s" (plist-get status :state))
               (plist-get status :model)
               (plist-get status :backend)
               (when-let ((part (plist-get status :progress))) (format "%d %%" (round (* 100 part))))
               (when-let ((speed (plist-get status :tokensPerSecond))) (format "%.0f tokens/s" speed))
               (when-let ((first (plist-get status :ttftMs))) (format "first token after %d ms" (round first)))
               (slipstream--nonempty (plist-get status :message))
               (slipstream--nonempty (plist-get status :hint))))
   ", "))

(defun slipstream--nonempty (string)
  "STRING, or nil if it is empty."
  (and (stringp string) (not (string-empty-p string)) string))

;;;; Documents

(cl-defstruct slipstream--document
  "What the server knows of a buffer.
CHANGES: a list of (START END FROM TO TEXT), newest first; TEXT is nil
until the change is done.  Or `whole' if it cannot be told by changes.
TICK: `buffer-chars-modified-tick' after the last change that was seen."
  uri (version 0) tick changes (count 0))

(defconst slipstream--most-changes 100
  "From so many changes on the whole text is sent instead.")

(defun slipstream--file-uri (path)
  "The URI of the file of this machine at PATH."
  (concat "file://" (url-hexify-string (directory-file-name (file-truename path)) url-path-allowed-chars)))

(defun slipstream--buffer-uri ()
  "A URI for the current buffer.
Only a buffer that is a file of this machine gets that file's: the server
may look around there."
  (if (and buffer-file-name (not (buffer-base-buffer)) (not (file-remote-p buffer-file-name)))
      (slipstream--file-uri buffer-file-name)
    (concat "untitled:" (url-hexify-string (or buffer-file-name (buffer-name))))))

(defun slipstream--language-id ()
  "The language id of the current buffer."
  (or (cdr (assq major-mode slipstream-language-ids))
      (replace-regexp-in-string "\\(?:-ts\\)?-mode\\'" "" (symbol-name major-mode))))

(defun slipstream--clean (string)
  "STRING as the server may have it, character for character.
A carriage return is a character in a buffer but would be a line end there,
and what is not Unicode cannot be sent."
  (replace-regexp-in-string
   "[^\0-\uD7FF\uE000-\U0010FFFF]" "\uFFFD" (subst-char-in-string ?\r ?\s string) t t))

(defun slipstream--text (from to)
  "The text between FROM and TO as the server may have it."
  (save-restriction
    (widen)
    (slipstream--clean (buffer-substring-no-properties from to))))

(defun slipstream--position (place)
  "The LSP position of PLACE in the current buffer, counted in characters."
  (save-excursion
    (save-restriction
      (widen)
      (goto-char place)
      (forward-line 0)
      (list :line (1- (line-number-at-pos)) :character (- place (point))))))

(defun slipstream--place (position)
  "The place of the LSP POSITION in the current buffer, which is widened."
  (save-excursion
    (goto-char (point-min))
    (forward-line (plist-get position :line))
    (min (+ (point) (plist-get position :character))
         (progn (end-of-line) (point)))))

(defun slipstream--range (from to)
  "The LSP range from FROM to TO."
  (list :start (slipstream--position from) :end (slipstream--position to)))

(defun slipstream--identifier ()
  "Names the current buffer's document."
  (list :uri (slipstream--document-uri slipstream--document)))

(defun slipstream--before-change (from to)
  "The text between FROM and TO is about to change."
  (let ((document slipstream--document))
    (when (and document (listp (slipstream--document-changes document)))
      (let ((start (slipstream--position from)))
        (cond
         ((or (/= (slipstream--document-tick document) (buffer-chars-modified-tick))
              (>= (slipstream--document-count document) slipstream--most-changes))
          (setf (slipstream--document-changes document) 'whole))
         (t
          ;; One that was announced and did not happen.
          (when (and (slipstream--document-changes document)
                     (null (nth 4 (car (slipstream--document-changes document)))))
            (pop (slipstream--document-changes document)))
          (push (list start (if (= from to) start (slipstream--position to)) from to nil)
                (slipstream--document-changes document))))))))

(defun slipstream--after-change (from to length)
  "The text between FROM and TO has replaced LENGTH characters."
  (let* ((document slipstream--document)
         (changes (and document (slipstream--document-changes document))))
    (when document
      (pcase (and (consp changes) (car changes))
        ((guard (eq changes 'whole)))
        ((guard (= (slipstream--document-tick document) (buffer-chars-modified-tick)))
         ;; Only properties changed.
         (when (and changes (null (nth 4 (car changes))))
           (pop (slipstream--document-changes document))))
        (`(,start ,end ,(pred (= from)) ,(pred (= (+ from length))) nil)
         (setcar changes (list start end from to (slipstream--text from to)))
         (cl-incf (slipstream--document-count document)))
        (_ (setf (slipstream--document-changes document) 'whole)))
      (setf (slipstream--document-tick document) (buffer-chars-modified-tick)))))

(defun slipstream--open (connection)
  "Tell the server behind CONNECTION of the current buffer."
  (let ((root (slipstream--root)))
    (when (and root (not (member root (slipstream--folders connection))))
      (push root (slipstream--folders connection))
      (jsonrpc-notify connection :workspace/didChangeWorkspaceFolders
                      (list :event (list :added (vector (slipstream--folder root)) :removed [])))))
  (setq slipstream--document
        (make-slipstream--document :uri (slipstream--buffer-uri) :tick (buffer-chars-modified-tick)))
  (jsonrpc-notify
   connection :textDocument/didOpen
   (list :textDocument
         (list :uri (slipstream--document-uri slipstream--document) :version 0
               :languageId (slipstream--language-id)
               :text (save-restriction (widen) (slipstream--text (point-min) (point-max)))))))

(defun slipstream--sync ()
  "Make the server know the current buffer's text; the connection, or nil."
  (when-let ((connection (and slipstream-mode enable-multibyte-characters (slipstream--ready))))
    (if (null slipstream--document)
        (slipstream--open connection)
      (let* ((document slipstream--document)
             (changes (if (= (slipstream--document-tick document) (buffer-chars-modified-tick))
                          (slipstream--document-changes document)
                        'whole)))
        (when changes
          (setf (slipstream--document-tick document) (buffer-chars-modified-tick)
                (slipstream--document-changes document) nil
                (slipstream--document-count document) 0)
          (jsonrpc-notify
           connection :textDocument/didChange
           (list :textDocument (list :uri (slipstream--document-uri document)
                                     :version (cl-incf (slipstream--document-version document)))
                 :contentChanges
                 (if (eq changes 'whole)
                     (vector (list :text (save-restriction (widen) (slipstream--text (point-min) (point-max)))))
                   (vconcat
                    (cl-loop for (start end _from _to text) in (reverse changes)
                             when text collect (list :range (list :start start :end end) :text text)))))))))
    connection))

(defun slipstream--close ()
  "Have the server forget the current buffer."
  (slipstream--clear)
  (when slipstream--document
    (slipstream--notify :textDocument/didClose (list :textDocument (slipstream--identifier)))
    (setq slipstream--document nil)))

(defun slipstream--saved ()
  "The current buffer was saved."
  (when (slipstream--sync)
    (slipstream--notify :textDocument/didSave (list :textDocument (slipstream--identifier)))))

(defun slipstream--renamed ()
  "The current buffer is another file now."
  (slipstream--close)
  (slipstream--sync))

;;;; Ghost text

(cl-defstruct slipstream--ghost
  "A suggestion that is on the screen.
ITEMS: all that were offered, INDEX: which is shown.  START and END: markers
around what it replaces; text that was typed along lies between START and
point, closing brackets that it writes itself between point and END."
  items (index 0) start end point overlay)

(defvar-local slipstream--ghost nil)
(defvar-local slipstream--showing nil "Non-nil while ghost text is visible; switches its keys on.")
(defvar-local slipstream--asked nil "Names the request whose answer is wanted.")
(defvar-local slipstream--unanswered nil
  "Point and tick of the last question, as a pair, if no suggestion came of it.")
(defvar-local slipstream--timer nil)
(defvar-local slipstream--caret-timer nil)
(defvar-local slipstream--last-tick nil)
(defvar-local slipstream--last-point nil)
(defvar-local slipstream--last-shown nil "The item that was shown last.")

(defun slipstream--item (ghost)
  "The item of GHOST that is shown."
  (aref (slipstream--ghost-items ghost) (slipstream--ghost-index ghost)))

(defun slipstream--item-id (item)
  "The id of ITEM, or nil."
  (let ((arguments (plist-get (plist-get item :command) :arguments)))
    (and (vectorp arguments) (> (length arguments) 0) (plist-get (aref arguments 0) :id))))

(defun slipstream--rest (ghost)
  "What of GHOST is still to come at point, or nil if the text speaks against it."
  (let ((start (marker-position (slipstream--ghost-start ghost)))
        (end (marker-position (slipstream--ghost-end ghost)))
        (text (plist-get (slipstream--item ghost) :insertText)))
    (when (and (<= start (point) end) (<= (point-min) start) (<= end (point-max)))
      (let ((typed (buffer-substring-no-properties start (point))))
        (when (and (string-prefix-p typed text) (< (length typed) (length text)))
          (let ((rest (substring text (length typed))))
            (and (slipstream--covered rest (buffer-substring-no-properties (point) end))
                 rest)))))))

(defun slipstream--covered (rest closers)
  "The indices at which REST writes the characters of CLOSERS, or nil.
For no CLOSERS it is t."
  (if (string-empty-p closers)
      t
    (let ((from (length rest)) indices)
      (and (cl-loop for char across (reverse closers)
                    for index = (cl-position char rest :from-end t :end from)
                    always index do (push index indices) (setq from index))
           indices))))

(defun slipstream--drawing (rest indices)
  "REST as it is drawn; the characters at INDICES are in the buffer already."
  (let ((text (propertize rest 'face 'slipstream-ghost)))
    (when (consp indices)
      (dolist (index indices)
        (put-text-property index (1+ index) 'face 'default text)))
    ;; A line end has no cell that the cursor could be on.
    (when (string-prefix-p "\n" text)
      (setq text (concat " " text)))
    (put-text-property 0 1 'cursor t text)
    text))

(defun slipstream--draw (ghost rest)
  "Draw REST of GHOST at point."
  (let* ((end (marker-position (slipstream--ghost-end ghost)))
         (indices (slipstream--covered rest (buffer-substring-no-properties (point) end)))
         (overlay (or (slipstream--ghost-overlay ghost)
                      (setf (slipstream--ghost-overlay ghost) (make-overlay (point) end))))
         (text (slipstream--drawing rest indices)))
    (move-overlay overlay (point) end)
    (overlay-put overlay 'priority 100)
    ;; Another window with this buffer has its point elsewhere.
    (overlay-put overlay 'window (selected-window))
    (overlay-put overlay 'after-string (and (= (point) end) text))
    (overlay-put overlay 'display (and (< (point) end) text))
    (setf (slipstream--ghost-point ghost) (point))
    (setq slipstream--showing t)
    (let ((item (slipstream--item ghost)))
      (unless (and slipstream--last-shown
                   (equal (slipstream--item-id item) (slipstream--item-id slipstream--last-shown)))
        (slipstream--notify :textDocument/didShowCompletion (list :item item)))
      (setq slipstream--last-shown item))))

(defun slipstream--clear ()
  "Take the ghost text off the screen."
  (when slipstream--ghost
    (when-let ((overlay (slipstream--ghost-overlay slipstream--ghost)))
      (delete-overlay overlay))
    (set-marker (slipstream--ghost-start slipstream--ghost) nil)
    (set-marker (slipstream--ghost-end slipstream--ghost) nil))
  (setq slipstream--ghost nil
        slipstream--showing nil))

(defun slipstream--update ()
  "Keep the ghost text if it fits the text and point, else clear it."
  (when slipstream--ghost
    (let ((rest (and (>= (point) (or (slipstream--ghost-point slipstream--ghost) (point)))
                     (slipstream--rest slipstream--ghost))))
      (if rest
          (slipstream--draw slipstream--ghost rest)
        (slipstream--clear)))))

(defun slipstream--show (items index)
  "Show the one at INDEX of ITEMS, which are about the text as it is."
  (slipstream--clear)
  (let* ((range (plist-get (aref items index) :range))
         (places (save-restriction
                   (widen)
                   (if range
                       (cons (slipstream--place (plist-get range :start)) (slipstream--place (plist-get range :end)))
                     (cons (point) (point)))))
         (ghost (make-slipstream--ghost :items items :index index
                                        :start (copy-marker (car places))
                                        ;; A bracket that the editor closes is put before it.
                                        :end (copy-marker (cdr places) t))))
    (setq slipstream--ghost ghost
          slipstream--unanswered nil)
    (slipstream--update)))

(defun slipstream--take-answer (result index)
  "Show the items of RESULT, if possible the one at INDEX.
Return how many there are.  A null RESULT means that nothing is new."
  (let ((items (if (vectorp result) result (plist-get result :items))))
    (cond ((null result))
          ((= (length items) 0) (slipstream--clear))
          (t (slipstream--show items (if (< index (length items)) index 0))))
    (length items)))

(defun slipstream-modal-state-p ()
  "Whether a modal editing package is in a state in which keys are commands."
  (memq (bound-and-true-p evil-state) '(normal visual motion operator replace)))

(defun slipstream-many-cursors-p ()
  "Whether there is more than one cursor."
  (bound-and-true-p multiple-cursors-mode))

(defun slipstream--here-p ()
  "Whether text can be suggested at point."
  (and (eq (current-buffer) (window-buffer))
       (not buffer-read-only)
       (not (get-char-property (point) 'read-only))
       (not (use-region-p))
       (not (run-hook-with-args-until-success 'slipstream-inhibit-functions))))

(defun slipstream--ask-completion (kind &optional index)
  "Ask for a suggestion at point: KIND 1 is asked for, 2 is automatic.
INDEX: which candidate to show, by default the first."
  (setq slipstream--unanswered (cons (point) (buffer-chars-modified-tick)))
  (when-let ((connection (and (slipstream--here-p) (slipstream--sync))))
    (let* ((name (slipstream--new-name))
           (buffer (current-buffer))
           (place (point))
           (tick (buffer-chars-modified-tick))
           (current (lambda ()
                      (and (buffer-live-p buffer)
                           (with-current-buffer buffer
                             (and (equal slipstream--asked name)
                                  (= (point) place)
                                  (= tick (buffer-chars-modified-tick))
                                  (slipstream--here-p))))))
           (streams (slipstream--progress connection)))
      (setq slipstream--asked name)
      (puthash name (lambda (value)
                      (when (funcall current)
                        (with-current-buffer buffer (slipstream--take-answer value 0))))
               streams)
      (jsonrpc-async-request
       connection :textDocument/inlineCompletion
       (list :textDocument (slipstream--identifier) :position (slipstream--position place)
             :context (list :triggerKind kind) :partialResultToken name)
       :success-fn (lambda (result)
                     (remhash name streams)
                     (when (funcall current)
                       (with-current-buffer buffer
                         (let ((count (slipstream--take-answer result (or index 0))))
                           (cond ((/= kind 1))
                                 ((= count 0) (message "Slipstream: nothing to suggest here"))
                                 (index (slipstream--tell-index)))))))
       :error-fn (lambda (error)
                   (remhash name streams)
                   (when (and (= kind 1) (funcall current))
                     (message "Slipstream: %s" (plist-get error :message))))
       :timeout nil))))

(defun slipstream--ask-later ()
  "Ask for a suggestion when the keys pause for `slipstream-delay'."
  (when slipstream--timer (cancel-timer slipstream--timer))
  (setq slipstream--timer
        (run-with-timer slipstream-delay nil
                        (lambda (buffer)
                          (when (and (buffer-live-p buffer) (eq buffer (window-buffer)))
                            (with-current-buffer buffer (slipstream--ask-completion 2))))
                        (current-buffer))))

(defun slipstream--tell-caret-later ()
  "Tell the server of the caret's place once it rests there."
  (when slipstream--caret-timer (cancel-timer slipstream--caret-timer))
  (setq slipstream--caret-timer
        (run-with-idle-timer slipstream-caret-delay nil
                             (lambda (buffer)
                               (when (buffer-live-p buffer)
                                 (with-current-buffer buffer
                                   (when (slipstream--sync)
                                     (slipstream--notify
                                      :slipstream/didMoveCaret
                                      (list :textDocument (slipstream--identifier)
                                            :position (slipstream--position (point))))))))
                             (current-buffer))))

(defun slipstream--focus ()
  "Tell the server that the current buffer has the attention."
  (unless (eq slipstream--focused (current-buffer))
    (when (slipstream--sync)
      (setq slipstream--focused (current-buffer))
      (slipstream--notify :textDocument/didFocus (list :textDocument (slipstream--identifier))))))

(defun slipstream--post-command ()
  "Follow the command before."
  (with-demoted-errors "Slipstream: %S"
    (slipstream--focus)
    (slipstream--update)
    (let ((tick (buffer-chars-modified-tick)))
      (cond ((not (eql tick slipstream--last-tick))
             (when slipstream-automatic (slipstream--ask-later)))
            ((not (eql (point) slipstream--last-point))
             (slipstream--tell-caret-later)))
      (setq slipstream--last-tick tick
            slipstream--last-point (point)))))

(defun slipstream--deselected (window)
  "WINDOW was selected or left."
  (with-current-buffer (window-buffer window)
    (unless (or (eq window (selected-window)) (minibufferp (window-buffer)))
      (slipstream--clear))))

(defun slipstream--at-ghost (command)
  "COMMAND if ghost text is visible at point in the selected window, else nil."
  (and slipstream--ghost
       (eq (point) (slipstream--ghost-point slipstream--ghost))
       (eq (overlay-get (slipstream--ghost-overlay slipstream--ghost) 'window) (selected-window))
       command))

(defun slipstream--shown ()
  "The ghost text at point; signals a `user-error' where there is none."
  (slipstream--update)
  (or (slipstream--at-ghost slipstream--ghost)
      (user-error "Slipstream suggests nothing here")))

(defun slipstream--utf-16-length (string)
  "The length of STRING in UTF-16 code units."
  (cl-loop for char across string sum (if (> char #xFFFF) 2 1)))

(defun slipstream--accept (pattern)
  "Insert what PATTERN matches at the beginning of the ghost text at point."
  (let* ((ghost (slipstream--shown))
         (item (slipstream--item ghost))
         (rest (slipstream--rest ghost))
         (count (if (string-match pattern rest) (match-end 0) (length rest)))
         (whole (= count (length rest)))
         (end (slipstream--ghost-end ghost))
         (indices (slipstream--covered rest (buffer-substring-no-properties (point) end)))
         (passed (if (consp indices) (cl-count-if (lambda (index) (< index count)) indices) 0)))
    (barf-if-buffer-read-only)
    (insert (substring rest 0 count))
    (delete-region (point) (+ (point) passed))
    (if (not whole)
        (let ((length (- (point) (slipstream--ghost-start ghost))))
          (slipstream--sync)
          (slipstream--notify :textDocument/didPartiallyAcceptCompletion
                              (list :item item
                                    :acceptedLength (slipstream--utf-16-length
                                                     (substring (plist-get item :insertText) 0 length)))))
      (slipstream--clear)
      (let ((connection (slipstream--sync)) (command (plist-get item :command)))
        (when (and connection command)
          (jsonrpc-async-request
           connection :workspace/executeCommand
           (list :command (plist-get command :command) :arguments (or (plist-get command :arguments) []))
           :success-fn #'ignore :error-fn #'ignore :timeout-fn #'ignore))))))

(defun slipstream-accept ()
  "Insert the ghost text at point."
  (interactive)
  (slipstream--accept "\\`\\(?:.\\|\n\\)*\\'"))

(defun slipstream-accept-word ()
  "Insert the next word of the ghost text at point."
  (interactive)
  (slipstream--accept "\\`[ \t\n]*\\(?:[[:alnum:]_]+\\|[^[:alnum:]_ \t\n]+\\)"))

(defun slipstream-accept-line ()
  "Insert the ghost text at point up to the end of its line."
  (interactive)
  (slipstream--accept "\\`\n?[^\n]*"))

(defun slipstream-dismiss ()
  "Take the ghost text away."
  (interactive)
  (let ((item (slipstream--item (slipstream--shown))))
    (slipstream--clear)
    (setq slipstream--asked nil)
    (slipstream--notify :slipstream/didDismissCompletion (list :item item))))

(defun slipstream-complete ()
  "Ask for a suggestion at point."
  (interactive)
  (unless slipstream-mode (slipstream-mode 1))
  (slipstream--when-ready (lambda () (slipstream--ask-completion 1))))

(defun slipstream--tell-index ()
  "Say which of how many suggestions is shown."
  (when slipstream--ghost
    (message "Slipstream: %d of %d" (1+ (slipstream--ghost-index slipstream--ghost))
             (length (slipstream--ghost-items slipstream--ghost)))))

(defun slipstream--cycle (step)
  "Show the suggestion STEP further; ask for more where there is only one."
  (let* ((ghost (slipstream--shown))
         (count (length (slipstream--ghost-items ghost)))
         (before (slipstream--ghost-index ghost)))
    (if (= count 1)
        (slipstream--ask-completion 1 1)
      (cl-loop do (setf (slipstream--ghost-index ghost) (mod (+ (slipstream--ghost-index ghost) step) count))
               until (or (= (slipstream--ghost-index ghost) before) (slipstream--rest ghost)))
      (setq slipstream--asked nil)
      (slipstream--update)
      (slipstream--tell-index))))

(defun slipstream-next ()
  "Show another suggestion."
  (interactive)
  (slipstream--cycle 1))

(defun slipstream-previous ()
  "Show the suggestion before."
  (interactive)
  (slipstream--cycle -1))

;;;; Answers that stream into a buffer

(defvar-local slipstream--view nil
  "About the answer in this buffer: a property list.
:stream, :running, :kind, :argument, :origin (a buffer), :result.")

(defvar slipstream-view-mode-map
  (let ((map (make-sparse-keymap)))
    (define-key map "q" #'slipstream-view-quit)
    (define-key map "g" nil)
    (define-key map "r" #'slipstream-chat)
    (define-key map "w" #'slipstream-view-copy)
    (define-key map (kbd "C-c C-c") #'slipstream-view-use)
    map)
  "Keys in buffers that show an answer.")

(define-derived-mode slipstream-view-mode special-mode "Slipstream"
  "Show an answer of the model while it comes."
  (setq-local font-lock-defaults
              '((("^#+ .*$" . 'bold)
                 ("^```.*$" . 'shadow)
                 ("`[^`\n]+`" . 'font-lock-constant-face)
                 ("\\*\\*[^*\n]+\\*\\*" . 'bold))
                t))
  (visual-line-mode 1)
  (setq header-line-format '(:eval (slipstream--view-header))))

(defun slipstream--view-header ()
  "What can be done in a view."
  (concat " " (if (plist-get slipstream--view :running) "writing; q: cancel" "q: quit")
          "  w: copy"
          (pcase (plist-get slipstream--view :kind)
            ('chat "  r: reply")
            ('commitMessage "  C-c C-c: use it"))))

(defun slipstream--view-insert (buffer text)
  "Add TEXT to the end of BUFFER; windows that show the end go on doing so."
  (when (buffer-live-p buffer)
    (with-current-buffer buffer
      (let* ((inhibit-read-only t)
             (end (point-max))
             (followers (cl-remove-if-not (lambda (window) (= (window-point window) end))
                                          (get-buffer-window-list buffer nil t)))
             (follows (= (point) end)))
        (save-excursion
          (goto-char end)
          (insert text))
        (when follows (goto-char (point-max)))
        (dolist (window followers) (set-window-point window (point-max)))))))

(defun slipstream--stream-grew (connection params)
  "CONNECTION brought PARAMS of `slipstream/stream'."
  (when-let ((buffer (gethash (plist-get params :stream) (slipstream--streams connection))))
    (when (equal (plist-get params :kind) "text")
      (when (buffer-live-p buffer)
        (with-current-buffer buffer
          (setq slipstream--view (plist-put slipstream--view :streamed t))))
      (slipstream--view-insert buffer (plist-get params :text)))))

(defun slipstream--view-ended (buffer words)
  "The answer in BUFFER has ended; add WORDS about it, if any."
  (when (buffer-live-p buffer)
    (with-current-buffer buffer
      (setq slipstream--view (plist-put slipstream--view :running nil))
      (force-mode-line-update))
    (when (slipstream--nonempty words)
      (slipstream--view-insert buffer (format "\n\n[%s]\n" words)))))

(defun slipstream--stream-broke (buffer)
  "The server behind the stream in BUFFER is gone."
  (when (and (buffer-live-p buffer) (plist-get (buffer-local-value 'slipstream--view buffer) :running))
    (slipstream--view-ended buffer "The server ended.")))

(defun slipstream--ask (kind argument)
  "Ask the server's command KIND, a symbol, with ARGUMENT; show the answer."
  (let ((origin (current-buffer)))
    (slipstream--when-ready
     (lambda ()
       (let* ((connection (slipstream--sync))
              (stream (slipstream--new-name))
              (buffer (get-buffer-create (format "*slipstream %s*" kind)))
              (argument (append argument (list :stream stream))))
         (with-current-buffer buffer
           (slipstream--view-stop)
           (if (eq kind 'chat)
               (unless (derived-mode-p 'slipstream-view-mode) (slipstream-view-mode))
             (slipstream-view-mode)
             (let ((inhibit-read-only t)) (erase-buffer)))
           (setq slipstream--view
                 (list :stream stream :running t :kind kind :argument argument :origin origin
                       :messages (plist-get slipstream--view :messages))))
         (puthash stream buffer (slipstream--streams connection))
         (when (eq kind 'chat)
           (slipstream--view-insert
            buffer (format "%s## %s\n\n" (if (= (buffer-size buffer) 0) "" "\n\n") (plist-get argument :question))))
         (display-buffer buffer)
         (jsonrpc-async-request
          connection :workspace/executeCommand
          (list :command (format "slipstream.ask.%s" kind) :arguments (vector argument) :workDoneToken stream)
          :success-fn (lambda (result)
                        (remhash stream (slipstream--streams connection))
                        (slipstream--answered buffer result))
          :error-fn (lambda (error)
                      (remhash stream (slipstream--streams connection))
                      (slipstream--view-ended
                       buffer (if (eql (plist-get error :code) -32800) "Cancelled." (plist-get error :message))))
          :timeout nil))))))

(defun slipstream--answered (buffer result)
  "The answer in BUFFER is whole: RESULT."
  (when (buffer-live-p buffer)
    (with-current-buffer buffer
      (let ((text (plist-get result :text)))
        (unless (plist-get slipstream--view :streamed)
          (slipstream--view-insert buffer text))
        (setq slipstream--view (plist-put slipstream--view :result result))
        (when (eq (plist-get slipstream--view :kind) 'chat)
          (setq slipstream--view
                (plist-put slipstream--view :messages
                           (vconcat (plist-get slipstream--view :messages)
                                    `((:role "user"
                                       :content ,(plist-get (plist-get slipstream--view :argument) :question))
                                      (:role "assistant" :content ,text))))))
        (slipstream--view-ended
         buffer
         (string-join (delq nil (list (and (eq (plist-get result :incomplete) t) "It broke off.")
                                      (slipstream--nonempty (plist-get result :note))))
                      "  "))
        (when (and (plist-get result :edit) (slipstream--nonempty (plist-get result :diff)))
          (slipstream--propose result (plist-get slipstream--view :origin)))))))

(defun slipstream--view-stop ()
  "Cancel the answer in the current buffer, if it is still coming."
  (when (plist-get slipstream--view :running)
    (slipstream--notify :window/workDoneProgress/cancel (list :token (plist-get slipstream--view :stream)))))

(defun slipstream-view-quit ()
  "Cancel an answer that is still coming, and put the buffer away."
  (interactive)
  (slipstream--view-stop)
  (quit-window))

(defun slipstream-view-copy ()
  "Copy the answer."
  (interactive)
  (let ((result (plist-get slipstream--view :result)))
    (kill-new (or (plist-get result :commitMessage) (plist-get result :text) (buffer-string)))
    (message "Slipstream: copied")))

(defun slipstream-view-use ()
  "Put the commit message at the beginning of the buffer that it was asked from.
Where that is no commit message's buffer, copy it."
  (interactive)
  (let ((message (plist-get (plist-get slipstream--view :result) :commitMessage))
        (origin (plist-get slipstream--view :origin)))
    (cond ((not message) (user-error "There is no commit message here"))
          ((and (buffer-live-p origin)
                (string-match-p "COMMIT_EDITMSG\\'" (or (buffer-file-name origin) "")))
           (quit-window)
           (pop-to-buffer origin)
           (goto-char (point-min))
           (insert message))
          (t (slipstream-view-copy)))))

;;;; Proposals

(defvar-local slipstream--proposal nil "The workspace edit behind the diff in this buffer.")
(defvar-local slipstream--proposal-ticks nil "Buffers and their ticks when the proposal came.")

(defvar slipstream-proposal-mode-map
  (let ((map (make-sparse-keymap)))
    (define-key map (kbd "C-c C-c") #'slipstream-proposal-apply)
    (define-key map (kbd "C-c C-k") #'slipstream-proposal-discard)
    map)
  "Keys in buffers that show a proposal.")

(define-derived-mode slipstream-proposal-mode diff-mode "Proposal"
  "Show a proposed change; nothing is written before it is applied."
  (setq buffer-read-only t
        header-line-format " C-c C-c: apply   C-c C-k: discard"))

(defun slipstream--propose (result origin)
  "Show the change in RESULT; it was asked for in ORIGIN."
  (let ((buffer (get-buffer-create (format "*slipstream proposal: %s*" (plist-get result :kind)))))
    (with-current-buffer buffer
      (let ((inhibit-read-only t))
        (erase-buffer)
        (insert (plist-get result :diff))
        (goto-char (point-min)))
      (slipstream-proposal-mode)
      (setq slipstream--proposal (plist-get result :edit)
            slipstream--proposal-ticks
            (and (buffer-live-p origin)
                 (list (cons origin (with-current-buffer origin (buffer-chars-modified-tick)))))))
    (pop-to-buffer buffer)))

(defun slipstream--uri-buffer (uri)
  "The buffer of the document URI, visiting its file if need be."
  (or (cl-find-if (lambda (buffer)
                    (when-let ((document (buffer-local-value 'slipstream--document buffer)))
                      (equal (slipstream--document-uri document) uri)))
                  (buffer-list))
      (if (string-prefix-p "file://" uri)
          (find-file-noselect (decode-coding-string (url-unhex-string (substring uri 7)) 'utf-8))
        (user-error "There is no buffer for %s any more" uri))))

(defun slipstream--edits (edit)
  "A list of (BUFFER VERSION . TEXT-EDITS) from the workspace EDIT."
  (if-let ((changes (plist-get edit :documentChanges)))
      (cl-loop for change across changes
               for document = (plist-get change :textDocument)
               if document
               collect (cl-list* (slipstream--uri-buffer (plist-get document :uri))
                                 (plist-get document :version)
                                 (append (plist-get change :edits) nil))
               ;; A file that is not there is made by visiting it.
               else unless (equal (plist-get change :kind) "create")
               do (user-error "This proposal renames or removes files; that is not done here"))
    (cl-loop for (uri edits) on (plist-get edit :changes) by #'cddr
             collect (cl-list* (slipstream--uri-buffer (substring (symbol-name uri) 1)) nil (append edits nil)))))

(defun slipstream--stale-p (buffer version ticks)
  "Whether BUFFER is not any more what VERSION of it, or one of TICKS, was."
  (with-current-buffer buffer
    (when slipstream-mode (slipstream--sync))
    (if (and version slipstream--document)
        (/= version (slipstream--document-version slipstream--document))
      (let ((tick (cdr (assq buffer ticks))))
        (and tick (/= tick (buffer-chars-modified-tick)))))))

(defun slipstream--apply-edits (edits)
  "Apply the text EDITS to the current buffer."
  (let (places)
    (save-excursion
      (save-restriction
        (widen)
        (dolist (edit edits)
          (let ((range (plist-get edit :range)))
            (push (list (copy-marker (slipstream--place (plist-get range :start)))
                        (copy-marker (slipstream--place (plist-get range :end)))
                        (plist-get edit :newText))
                  places)))
        (pcase-dolist (`(,from ,to ,text) (nreverse places))
          (goto-char from)
          ;; What stays at the edges keeps its markers, so point stays where it is.
          (insert-before-markers text)
          (delete-region (point) (max (point) to))
          (set-marker from nil)
          (set-marker to nil))))))

(defun slipstream-proposal-apply ()
  "Make the proposed change; the buffers are not saved."
  (interactive)
  (let ((edits (slipstream--edits slipstream--proposal))
        (ticks slipstream--proposal-ticks))
    (when (cl-loop for (buffer version) in edits thereis (slipstream--stale-p buffer version ticks))
      (user-error "The text has changed since; ask again"))
    (quit-window t)
    (dolist (change edits)
      (with-current-buffer (car change)
        (undo-boundary)
        (atomic-change-group (slipstream--apply-edits (cddr change)))
        (undo-boundary)))
    (when edits (pop-to-buffer (caar edits)))
    (message "Slipstream: applied; undo takes it back")))

(defun slipstream-proposal-discard ()
  "Forget the proposed change."
  (interactive)
  (quit-window t)
  (message "Slipstream: discarded; nothing was changed"))

;;;; Commands

(defun slipstream--argument (&rest more)
  "The region, or else point, as the server's commands want it, and MORE."
  (unless slipstream-mode (slipstream-mode 1))
  (let ((from (if (use-region-p) (region-beginning) (point)))
        (to (if (use-region-p) (region-end) (point))))
    (cl-list* :uri (slipstream--buffer-uri) :range (slipstream--range from to) more)))

(defun slipstream-explain ()
  "Explain the region, or the code around point."
  (interactive)
  (slipstream--ask 'explain (slipstream--argument)))

(defun slipstream--diagnostics (from to)
  "What Flymake found between FROM and TO, as LSP writes it."
  (when (bound-and-true-p flymake-mode)
    (mapcar (lambda (found)
              (list :range (slipstream--range (flymake-diagnostic-beg found) (flymake-diagnostic-end found))
                    :message (flymake-diagnostic-text found)))
            (flymake-diagnostics from to))))

(defun slipstream-fix ()
  "Propose to mend the things Flymake found in the region or in the line."
  (interactive)
  (let* ((region (use-region-p))
         (found (slipstream--diagnostics (if region (region-beginning) (line-beginning-position))
                                         (if region (region-end) (line-end-position)))))
    (slipstream--ask 'fix (slipstream--argument :diagnostics (vconcat found)))))

(defun slipstream-document ()
  "Propose a comment for the region, or for the code around point."
  (interactive)
  (slipstream--ask 'document (slipstream--argument)))

(defun slipstream-tests ()
  "Propose to test the region, or the code around point."
  (interactive)
  (slipstream--ask 'tests (slipstream--argument)))

(defun slipstream-rename ()
  "Propose a better name for the symbol at point."
  (interactive)
  (slipstream--ask 'rename (slipstream--argument)))

(defun slipstream-commit-message ()
  "Write a commit message for everything staged in the current repository."
  (interactive)
  (slipstream--ask 'commitMessage
                   (list :uri (slipstream--file-uri (or buffer-file-name default-directory)))))

(defun slipstream-chat (question)
  "Ask QUESTION, about the region if there is one.
In the chat's own buffer it goes on where the chat was."
  (interactive (list (read-string "Ask: ")))
  (let ((chat (get-buffer "*slipstream chat*")))
    (if (eq (current-buffer) chat)
        (let ((messages (plist-get slipstream--view :messages))
              (origin (plist-get slipstream--view :origin)))
          (with-current-buffer (if (buffer-live-p origin) origin chat)
            (slipstream--ask 'chat (list :question question :messages (vconcat messages)))))
      (when chat
        (with-current-buffer chat (slipstream--view-stop))
        (kill-buffer chat))
      (slipstream--ask 'chat (append (if (use-region-p)
                                         (slipstream--argument)
                                       (unless slipstream-mode (slipstream-mode 1))
                                       (list :uri (slipstream--buffer-uri)))
                                     (list :question question :messages []))))))

(defun slipstream--display (name text)
  "Show TEXT in the buffer NAME."
  (let ((buffer (get-buffer-create name)))
    (with-current-buffer buffer
      (slipstream-view-mode)
      (let ((inhibit-read-only t))
        (erase-buffer)
        (insert text)
        (goto-char (point-min))))
    (display-buffer buffer)))

(defun slipstream-why ()
  "Show where the ghost text, or the last one, comes from."
  (interactive)
  (let ((item (if slipstream--ghost (slipstream--item slipstream--ghost) slipstream--last-shown)))
    (slipstream--when-ready
     (lambda ()
       (jsonrpc-async-request
        (slipstream--connection) :slipstream/why
        (if-let ((id (and item (slipstream--item-id item)))) (list :id id) (make-hash-table))
        :success-fn (lambda (result)
                      (if (null result)
                          (message "Slipstream: nothing is known about it any more")
                        (slipstream--display "*slipstream why*" (plist-get result :markdown))))
        :error-fn (lambda (error) (message "Slipstream: %s" (plist-get error :message))))))))

(defun slipstream--steer (choice argument words)
  "Make CHOICE of what the model sees with ARGUMENT, and say WORDS."
  (slipstream--when-ready
   (lambda ()
     (jsonrpc-async-request
      (slipstream--sync) :workspace/executeCommand
      (list :command (format "slipstream.context.%s" choice) :arguments (vector argument))
      :success-fn (lambda (_choices) (message "Slipstream: %s" words))
      :error-fn (lambda (error) (message "Slipstream: %s" (plist-get error :message)))))))

(defun slipstream-pin-region ()
  "Always show the model the lines of the region, or the line of point."
  (interactive)
  (slipstream--steer 'pin (slipstream--argument) "these lines are shown to the model from now on"))

(defun slipstream-never-this-file ()
  "Show the model nothing of this file in other files."
  (interactive)
  (slipstream--steer 'never (list :uri (plist-get (slipstream--argument) :uri))
                     "nothing of this file is shown to the model in other files from now on"))

(defun slipstream-reset-context ()
  "Forget what is pinned and never shown in this project."
  (interactive)
  (slipstream--steer 'reset (list :uri (plist-get (slipstream--argument) :uri))
                     "nothing is pinned or banned in this project any more"))

(defun slipstream--rules (name argument then)
  "Have the server do NAME with the project's rules of ARGUMENT.
Call THEN with what there is after it."
  (jsonrpc-async-request
   (slipstream--sync) :workspace/executeCommand
   (list :command (format "slipstream.rules.%s" name) :arguments (vector argument))
   ;; What asks someone must not do so while a message from the server is being read.
   :success-fn (lambda (rules) (run-at-time 0 nil then rules))
   :error-fn (lambda (error) (message "Slipstream: %s" (plist-get error :message)))))

(defun slipstream-review-rules ()
  "Show the rules of this project, and choose whether they are used.
They are in the file .slipstream.md."
  (interactive)
  (let* ((argument (list :uri (plist-get (slipstream--argument) :uri)))
         (buffer (current-buffer))
         (choose (lambda (name more words)
                   (with-current-buffer buffer
                     (slipstream--rules name (append argument more)
                                        (lambda (_rules) (message "Slipstream: %s" words)))))))
    (slipstream--when-ready
     (lambda ()
       (slipstream--rules
        'show argument
        (lambda (rules)
          (cond ((not (eq (plist-get rules :rules) t))
                 (message "Slipstream: this project has no rules in .slipstream.md"))
                ((not (buffer-live-p buffer)))
                (t (slipstream--display "*slipstream rules*" (plist-get rules :text))
                   (if (eq (plist-get rules :trusted) t)
                       (when (yes-or-no-p "These rules are used.  Stop using them? ")
                         (funcall choose 'distrust nil "the rules are not used any more"))
                     (when (yes-or-no-p "Use these rules? ")
                       (funcall choose 'trust (list :digest (plist-get rules :digest))
                                "the rules are used from now on")))))))))))

(defun slipstream-status ()
  "Tell about the server."
  (interactive)
  (message "%s" (cond ((null slipstream--the-connection) (or slipstream--trouble "Slipstream: no server runs"))
                      ((eq (slipstream--state slipstream--the-connection) 'gone) slipstream--trouble)
                      (t (slipstream--status-words (or (slipstream--status slipstream--the-connection)
                                                       '(:state "starting")))))))

(defun slipstream-restart ()
  "Start the server anew."
  (interactive)
  (slipstream-shutdown)
  (setq slipstream--trouble nil)
  (slipstream--connection)
  (slipstream-status))

(defun slipstream-shutdown ()
  "Have the server leave.
A key in a buffer with `slipstream-mode' starts it again."
  (interactive)
  (when-let ((connection slipstream--the-connection))
    (slipstream--end connection)
    (setq slipstream--the-connection nil
          slipstream--focused nil)
    (dolist (buffer (buffer-list))
      (when (buffer-local-value 'slipstream-mode buffer)
        (with-current-buffer buffer
          (slipstream--clear)
          (setq slipstream--document nil))))))

(defun slipstream-toggle-automatic ()
  "Switch between ghost text by itself and on request in the current buffer."
  (interactive)
  (setq-local slipstream-automatic (not slipstream-automatic))
  (slipstream--clear)
  (force-mode-line-update)
  (message "Slipstream: ghost text comes %s in this buffer"
           (if slipstream-automatic "by itself" "when it is asked for")))

;;;; Modes

(defvar slipstream-ghost-map
  (let ((map (make-sparse-keymap)))
    (pcase-dolist (`(,key . ,command)
                   '(("TAB" . slipstream-accept) ("<tab>" . slipstream-accept)
                     ("C-<right>" . slipstream-accept-word) ("C-<down>" . slipstream-accept-line)
                     ("M-n" . slipstream-next) ("M-p" . slipstream-previous)
                     ("C-g" . slipstream-dismiss) ("<escape>" . slipstream-dismiss)))
      (define-key map (kbd key) `(menu-item "" ,command :filter slipstream--at-ghost)))
    (define-key map [remap keyboard-escape-quit] '(menu-item "" slipstream-dismiss :filter slipstream--at-ghost))
    map)
  "Keys while ghost text is visible at point.
Bind further ones as (menu-item \"\" COMMAND :filter slipstream--at-ghost).")

(defvar slipstream-command-map
  (let ((map (make-sparse-keymap)))
    (pcase-dolist (`(,key . ,command)
                   '(("s" . slipstream-complete) ("e" . slipstream-explain) ("f" . slipstream-fix)
                     ("d" . slipstream-document) ("t" . slipstream-tests) ("r" . slipstream-rename)
                     ("c" . slipstream-chat) ("m" . slipstream-commit-message) ("y" . slipstream-why)
                     ("p" . slipstream-pin-region) ("n" . slipstream-never-this-file)
                     ("a" . slipstream-toggle-automatic) ("?" . slipstream-status)))
      (define-key map (kbd key) command))
    map)
  "All commands, to be bound to a prefix of your choice.")
(fset 'slipstream-command-map slipstream-command-map)

(defvar slipstream-mode-map (make-sparse-keymap)
  "Keys of `slipstream-mode'; none by default.")

(easy-menu-define slipstream-menu slipstream-mode-map
  "What Slipstream can do."
  '("Slipstream"
    ["Suggest something here" slipstream-complete]
    ["Why this suggestion?" slipstream-why]
    ["Ghost text comes by itself" slipstream-toggle-automatic :style toggle :selected slipstream-automatic]
    "--"
    ["Explain" slipstream-explain]
    ["Fix" slipstream-fix]
    ["Document" slipstream-document]
    ["Generate tests" slipstream-tests]
    ["Suggest a name" slipstream-rename]
    ["Chat" slipstream-chat]
    ["Commit message" slipstream-commit-message]
    "--"
    ["Always show the model these lines" slipstream-pin-region]
    ["Never show the model this file" slipstream-never-this-file]
    ["Forget what is pinned and never shown" slipstream-reset-context]
    "--"
    ["Status" slipstream-status]
    ["Start the server anew" slipstream-restart]))

(defun slipstream--short-model (model)
  "MODEL without the part of its name that is about its make."
  (replace-regexp-in-string "-\\(?:instruct\\|base\\|q[0-9]\\).*\\'" "" model))

(defun slipstream--lighter ()
  "The text in the mode line."
  (let* ((connection slipstream--the-connection)
         (status (and connection (slipstream--status connection)))
         (state (cond ((null connection) (if slipstream--trouble "failed" "off"))
                      ((eq (slipstream--state connection) 'gone) "failed")
                      ((plist-get status :state))
                      ((eq (slipstream--state connection) 'ready) "ready")
                      (t "starting")))
         (model (and slipstream-mode-line-model (plist-get status :model)))
         (speed (plist-get status :tokensPerSecond)))
    (concat " Slip:" (if slipstream-automatic state "manual")
            (when model (concat " " (slipstream--short-model model)))
            (when speed (format " %.0ft/s" speed)))))

;;;###autoload
(define-minor-mode slipstream-mode
  "Show suggestions of a local model as ghost text."
  :lighter (:eval (slipstream--lighter))
  :keymap slipstream-mode-map
  (pcase-dolist (`(,hook ,function . ,depth)
                 '((before-change-functions slipstream--before-change . 90)
                   (after-change-functions slipstream--after-change . 90)
                   (post-command-hook slipstream--post-command . 90)
                   (window-selection-change-functions slipstream--deselected)
                   (after-save-hook slipstream--saved)
                   (after-set-visited-file-name-hook slipstream--renamed)
                   (kill-buffer-hook slipstream--close)
                   (change-major-mode-hook slipstream--close)))
    (if slipstream-mode
        (add-hook hook function depth t)
      (remove-hook hook function t)))
  (setq-local minor-mode-overriding-map-alist
              (assq-delete-all 'slipstream--showing (copy-sequence minor-mode-overriding-map-alist)))
  (if slipstream-mode
      (progn
        ;; Above other minor modes, but below keymaps of overlays (fields of a snippet) and of open popups.
        (setq-local minor-mode-overriding-map-alist
                    (append minor-mode-overriding-map-alist
                            (list (cons 'slipstream--showing slipstream-ghost-map))))
        (setq slipstream--last-tick (buffer-chars-modified-tick)
              slipstream--last-point (point))
        (slipstream--sync))
    (dolist (timer (list slipstream--timer slipstream--caret-timer))
      (when timer (cancel-timer timer)))
    (slipstream--close)))

(defun slipstream--turn-on ()
  "Switch `slipstream-mode' on where text is written."
  (unless (or (minibufferp) buffer-read-only (string-prefix-p " " (buffer-name)))
    (slipstream-mode 1)))

;;;###autoload
(define-globalized-minor-mode global-slipstream-mode slipstream-mode slipstream--turn-on
  :predicate '(prog-mode conf-mode text-mode)
  :group 'slipstream)

;;;###autoload
(defun slipstream-lsp-mode-setup ()
  "Have lsp-mode use the server beside a language's own.
Its `lsp-inline-completion-mode' then shows suggestions; use this or
`slipstream-mode', not both."
  (require 'lsp-mode)
  (lsp-register-client
   (make-lsp-client :new-connection (lsp-stdio-connection #'slipstream--command)
                    :activation-fn (lambda (_file _mode) t)
                    :priority -2
                    :add-on? t
                    :multi-root t
                    :server-id 'slipstream
                    :initialization-options (lambda () (or slipstream-settings (make-hash-table))))))

(provide 'slipstream)
;;; slipstream.el ends here
