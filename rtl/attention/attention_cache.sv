// attention_cache: one side (keys or values) of a layer's cache on one AXI port: appends the new position, delivers all.
//
//   append: bf16(s_axis) of every head to line + offset + head * stride
//   out:    for every head the beats of positions 0 .. position; the last position's come from a queue on chip
//   KvBits = 8: what is appended, read and queued is codes and scales (golden/attention.py kv_image); out are numbers as before
//
// Reads of a job begin when the rows that jobs before it append have been answered, so they see them, or at once if the job is
// fresh: then those rows are of other layers. They do not wait for their own job's. They are asked for as far ahead as the
// reader's buffer goes, across heads and jobs.
//
// Latency:       s_axis to m_valid_o of the position's own beats: 5 cycles (round 2, queue 3), 3 with KvBeats <= 32. KvBits = 8: from
//                a head's last beat to its own first one 69 cycles (quantise 55, queue 3, decode 11), or 2 less.
// Throughput:    one beat out a cycle.
// Back-pressure: m_ready_i stops reader and queue; s_axis stops when the queue has KvBeats (KvBits = 8: some more in act_quant), and
//                with KvBits = 8 until the job is there.
// Errors:        those of hbm_streamer and hbm_writer, which stop by themselves; clear_i clears both.
//
// Parameters:
//   KvBits, AddrW, IdW, ReadBeats, WindowBytes, KvBeats  as in attention
//   MaxBeats  of a head, a power of two
module attention_cache
  import attention_pkg::*;
#(
    parameter int unsigned KvBits = 16,
    parameter int unsigned MaxBeats = 8,
    parameter int unsigned AddrW = 64,
    parameter int unsigned IdW = 1,
    parameter int unsigned ReadBeats = 512,
    parameter int unsigned WindowBytes = 4096,
    parameter int unsigned KvBeats = 128
) (
    input  logic                      clk_i,
    input  logic                      rst_ni,       // of the AXI side
    input  logic                      core_rst_ni,  // of the rest; low during a clear
    input  logic                      clear_i,
    input  job_t                      s_job_i,
    input  logic [         AddrW-6:0] s_line_i,
    input  logic                      s_job_valid_i,
    output logic                      s_job_ready_o,
    input  logic [      32*Lanes-1:0] s_axis_tdata,
    input  logic                      s_axis_tvalid,
    output logic                      s_axis_tready,
    output logic [      16*Lanes-1:0] m_data_o,
    output logic [               4:0] m_beats_o,
    output logic                      m_end_o,
    output logic                      m_last_o,
    output logic                      m_valid_o,
    input  logic                      m_ready_i,
    output logic                      written_o,    // the rows of all jobs are in memory
    output logic                      idle_o,
    output logic                      read_error_o,
    output hbm_streamer_pkg::cause_e  read_cause_o,
    output logic [         AddrW-1:0] read_addr_o,
    output logic                      write_error_o,
    output hbm_streamer_pkg::cause_e  write_cause_o,
    output logic [         AddrW-1:0] write_addr_o,
    // AXI4
    output logic [           IdW-1:0] m_axi_arid,
    output logic [         AddrW-1:0] m_axi_araddr,
    output logic [               7:0] m_axi_arlen,
    output logic [               2:0] m_axi_arsize,
    output logic [               1:0] m_axi_arburst,
    output logic [               3:0] m_axi_arcache,
    output logic [               2:0] m_axi_arprot,
    output logic                      m_axi_arvalid,
    input  logic                      m_axi_arready,
    input  logic [           IdW-1:0] m_axi_rid,
    input  logic [      16*Lanes-1:0] m_axi_rdata,
    input  logic [               1:0] m_axi_rresp,
    input  logic                      m_axi_rlast,
    input  logic                      m_axi_rvalid,
    output logic                      m_axi_rready,
    output logic [           IdW-1:0] m_axi_awid,
    output logic [         AddrW-1:0] m_axi_awaddr,
    output logic [               7:0] m_axi_awlen,
    output logic [               2:0] m_axi_awsize,
    output logic [               1:0] m_axi_awburst,
    output logic [               3:0] m_axi_awcache,
    output logic [               2:0] m_axi_awprot,
    output logic                      m_axi_awvalid,
    input  logic                      m_axi_awready,
    output logic [      16*Lanes-1:0] m_axi_wdata,
    output logic [       2*Lanes-1:0] m_axi_wstrb,
    output logic                      m_axi_wlast,
    output logic                      m_axi_wvalid,
    input  logic                      m_axi_wready,
    input  logic [           IdW-1:0] m_axi_bid,
    input  logic [               1:0] m_axi_bresp,
    input  logic                      m_axi_bvalid,
    output logic                      m_axi_bready
);
  localparam int unsigned JobW = $bits(job_t);
  localparam int unsigned Jobs = 4;  // that wait for each of the three parts
  localparam bit Int8 = KvBits == 8;
  localparam int unsigned WordW = Int8 ? $bits(codes_t) : 16 * Lanes;  // 16 numbers as the queue holds them
  localparam int unsigned TagW = Int8 ? 3 : 1;
  localparam int unsigned RowsPerHead = Int8 ? 2 : 1;  // descriptors of the writer

  // ---- a copy of the job for each part -------------------------------------------------------------------------------
  job_t read_job, write_job, source_job;
  logic [AddrW-6:0] read_line, write_line;
  logic read_room, write_room, source_room, append_room;
  logic read_job_valid, write_job_valid, source_job_valid, read_job_ready, write_job_ready, source_job_ready;
  logic [2:0] level_r, level_w, level_s;
  wire spread = s_job_valid_i && s_job_ready_o;
  assign s_job_ready_o = read_room && write_room && source_room && append_room;

  fifo #(.Width(JobW + AddrW - 5), .Depth(Jobs)) u_read_jobs (
      .clk_i, .rst_ni(core_rst_ni), .clear_i(1'b0),
      .s_data_i({s_line_i, s_job_i}), .s_valid_i(spread), .s_ready_o(read_room),
      .m_data_o({read_line, read_job}), .m_valid_o(read_job_valid), .m_ready_i(read_job_ready), .level_o(level_r)
  );
  fifo #(.Width(JobW + AddrW - 5), .Depth(Jobs)) u_write_jobs (
      .clk_i, .rst_ni(core_rst_ni), .clear_i(1'b0),
      .s_data_i({s_line_i, s_job_i}), .s_valid_i(spread), .s_ready_o(write_room),
      .m_data_o({write_line, write_job}), .m_valid_o(write_job_valid), .m_ready_i(write_job_ready), .level_o(level_w)
  );
  fifo #(.Width(JobW), .Depth(Jobs)) u_source_jobs (
      .clk_i, .rst_ni(core_rst_ni), .clear_i(1'b0),
      .s_data_i(s_job_i), .s_valid_i(spread), .s_ready_o(source_room),
      .m_data_o(source_job), .m_valid_o(source_job_valid), .m_ready_i(source_job_ready), .level_o(level_s)
  );

  // ---- write ---------------------------------------------------------------------------------------------------------
  logic [AddrW-1:0] wdesc_addr, rdesc_addr;
  logic [BytesW-1:0] wdesc_bytes, rdesc_bytes;
  logic wdesc_valid, wdesc_ready, rdesc_valid, rdesc_ready;
  logic [16*Lanes-1:0] new_data, read_data;
  logic [2*Lanes-1:0] new_strobes;
  logic [WordW-1:0] new_word, own_word, read_word, word;
  logic new_write, new_write_ready, new_own, new_own_ready, own_valid, own_ready, read_valid, read_ready, read_last;
  logic done_valid, wbusy, rbusy, widle, ridle;
  logic read_word_ready, read_word_valid, word_end, word_last, word_valid, word_ready;
  logic [4:0] word_beats;
  logic done_tag, wtag;
  logic [TagW-1:0] rdesc_tag, read_tag, rtag;
  hbm_streamer_pkg::cause_e done_cause;

  if (Int8) begin : gen_append_int8
    attention_quantize #(.MaxBeats(MaxBeats)) u_append (
        .clk_i, .rst_ni(core_rst_ni), .s_job_i, .s_job_valid_i(spread), .s_job_ready_o(append_room),
        .s_axis_tdata, .s_axis_tvalid, .s_axis_tready,
        .m_data_o(new_data), .m_strobes_o(new_strobes), .m_write_valid_o(new_write), .m_write_ready_i(new_write_ready),
        .m_codes_o(new_word), .m_queue_valid_o(new_own), .m_queue_ready_i(new_own_ready)
    );
    attention_row_pairs #(.AddrW(AddrW)) u_write_rows (
        .clk_i, .rst_ni(core_rst_ni), .s_line_i(write_line), .s_job_i(write_job),
        .s_valid_i(write_job_valid), .s_ready_o(write_job_ready),
        .m_desc_addr(wdesc_addr), .m_desc_bytes(wdesc_bytes), .m_desc_tvalid(wdesc_valid), .m_desc_tready(wdesc_ready)
    );
  end else begin : gen_append_bf16
    assign append_room = 1'b1;
    assign new_strobes = '1;
    assign new_word = new_data;
    attention_append u_append (
        .clk_i, .rst_ni(core_rst_ni), .s_axis_tdata, .s_axis_tvalid, .s_axis_tready, .m_data_o(new_data),
        .m_write_valid_o(new_write), .m_write_ready_i(new_write_ready),
        .m_queue_valid_o(new_own), .m_queue_ready_i(new_own_ready)
    );
    attention_rows #(.AddrW(AddrW)) u_write_rows (
        .clk_i, .rst_ni(core_rst_ni), .s_first_i(write_line), .s_skip_i(write_job.offset),
        .s_lines_i(LineW'(write_job.beats)), .s_stride_i(write_job.stride), .s_rows_i(write_job.kv_heads),
        .s_valid_i(write_job_valid), .s_ready_o(write_job_ready),
        .m_desc_addr(wdesc_addr), .m_desc_bytes(wdesc_bytes), .m_desc_tvalid(wdesc_valid), .m_desc_tready(wdesc_ready)
    );
  end
  hbm_writer #(
      .DataW(16 * Lanes), .AddrW(AddrW), .BytesW(BytesW), .TagW(1), .IdW(IdW), .BufferBeats(32), .Strobes(Int8)
  ) u_writer (
      .clk_i, .rst_ni,
      .s_desc_addr(wdesc_addr), .s_desc_bytes(wdesc_bytes), .s_desc_tag(1'b0),
      .s_desc_tvalid(wdesc_valid), .s_desc_tready(wdesc_ready),
      .s_axis_tdata(new_data), .s_axis_tstrb(new_strobes), .s_axis_tvalid(new_write), .s_axis_tready(new_write_ready),
      .m_done_tag(done_tag), .m_done_cause(done_cause), .m_done_tvalid(done_valid), .m_done_tready(1'b1),
      .m_axi_awid, .m_axi_awaddr, .m_axi_awlen, .m_axi_awsize, .m_axi_awburst, .m_axi_awcache, .m_axi_awprot,
      .m_axi_awvalid, .m_axi_awready, .m_axi_wdata, .m_axi_wstrb, .m_axi_wlast, .m_axi_wvalid, .m_axi_wready,
      .m_axi_bid, .m_axi_bresp, .m_axi_bvalid, .m_axi_bready,
      .clear_i, .busy_o(wbusy), .idle_o(widle),
      .error_o(write_error_o), .error_cause_o(write_cause_o), .error_addr_o(write_addr_o), .error_tag_o(wtag)
  );

  // ---- read: rows_before_q counts the rows of all jobs before the one at the head, rows_owed_q those not answered ----------
  logic [15:0] rows_done_q, rows_before_q, rows_owed_q;
  wire row_done = done_valid && done_cause == hbm_streamer_pkg::CauseNone;
  wire [15:0] rows_more = rows_done_q - rows_before_q;
  logic caught_up_q, rows_ready;
  wire allowed = caught_up_q || read_job.fresh;
  wire go = read_job_valid && allowed;
  assign read_job_ready = rows_ready && allowed;
  assign written_o = rows_owed_q == '0;
  always_ff @(posedge clk_i) begin
    if (!core_rst_ni) begin
      rows_done_q   <= '0;
      rows_before_q <= '0;
      rows_owed_q   <= '0;
      caught_up_q   <= 1'b0;
    end else begin
      if (row_done) rows_done_q <= rows_done_q + 16'd1;
      rows_owed_q <= rows_owed_q + (spread ? 16'(s_job_i.kv_heads) * 16'(RowsPerHead) : '0) - 16'(row_done);
      if (go && read_job_ready) rows_before_q <= rows_before_q + 16'(read_job.kv_heads) * 16'(RowsPerHead);
      caught_up_q <= !rows_more[15] && !(go && read_job_ready);
    end
  end

  attention_rows #(.AddrW(AddrW)) u_read_rows (
      .clk_i, .rst_ni(core_rst_ni), .s_first_i(read_line), .s_skip_i('0), .s_lines_i(read_job.offset),
      .s_stride_i(read_job.stride), .s_rows_i(read_job.kv_heads), .s_valid_i(go), .s_ready_o(rows_ready),
      .m_desc_addr(rdesc_addr), .m_desc_bytes(rdesc_bytes), .m_desc_tvalid(rdesc_valid), .m_desc_tready(rdesc_ready)
  );
  hbm_streamer #(
      .DataW(16 * Lanes), .AddrW(AddrW), .BytesW(BytesW), .TagW(TagW), .IdW(IdW), .WindowBytes(WindowBytes), .BufferBeats(ReadBeats),
      .FetchDescs(32)
  ) u_reader (
      .clk_i, .rst_ni,
      .s_desc_addr(rdesc_addr), .s_desc_bytes(rdesc_bytes), .s_desc_tag(rdesc_tag),
      .s_desc_tvalid(rdesc_valid), .s_desc_tready(rdesc_ready),
      .m_axis_tdata(read_data), .m_axis_tlast(read_last), .m_axis_tuser(read_tag),
      .m_axis_tvalid(read_valid), .m_axis_tready(read_ready),
      .m_axi_arid, .m_axi_araddr, .m_axi_arlen, .m_axi_arsize, .m_axi_arburst, .m_axi_arcache, .m_axi_arprot,
      .m_axi_arvalid, .m_axi_arready, .m_axi_rid, .m_axi_rdata, .m_axi_rresp, .m_axi_rlast, .m_axi_rvalid, .m_axi_rready,
      .clear_i, .busy_o(rbusy), .idle_o(ridle),
      .error_o(read_error_o), .error_cause_o(read_cause_o), .error_addr_o(read_addr_o), .error_tag_o(rtag)
  );

  // ---- out -----------------------------------------------------------------------------------------------------------
  if (KvBeats <= 32) begin : gen_own_short
    logic [$clog2(KvBeats+1)-1:0] level;
    fifo #(.Width(WordW), .Depth((KvBeats < 4) ? 4 : KvBeats)) u_own (  // below 4 attention itself refuses
        .clk_i, .rst_ni(core_rst_ni), .clear_i(1'b0),
        .s_data_i(new_word), .s_valid_i(new_own), .s_ready_o(new_own_ready),
        .m_data_o(own_word), .m_valid_o(own_valid), .m_ready_i(own_ready), .level_o(level)
    );
    wire unused_level = ^level;
  end else begin : gen_own_long
    logic [$clog2(KvBeats+3)-1:0] level;
    fifo_block #(.Width(WordW), .Depth(KvBeats), .Style("auto")) u_own (
        .clk_i, .rst_ni(core_rst_ni), .clear_i(1'b0),
        .s_data_i(new_word), .s_valid_i(new_own), .s_ready_o(new_own_ready),
        .m_data_o(own_word), .m_valid_o(own_valid), .m_ready_i(own_ready), .level_o(level)
    );
    wire unused_level = ^level;
  end
  attention_source #(.Width(WordW)) u_source (
      .clk_i, .rst_ni(core_rst_ni), .s_job_i(source_job), .s_job_valid_i(source_job_valid), .s_job_ready_o(source_job_ready),
      .read_data_i(read_word), .read_valid_i(read_word_valid), .read_ready_o(read_word_ready),
      .own_data_i(own_word), .own_valid_i(own_valid), .own_ready_o(own_ready),
      .m_data_o(word), .m_beats_o(word_beats), .m_end_o(word_end), .m_last_o(word_last), .m_valid_o(word_valid),
      .m_ready_i(word_ready)
  );

  // ---- codes to numbers; a row of memory ends where its last position does ------------------------------------------------
  if (Int8) begin : gen_read_int8
    logic codes_last;
    always_ff @(posedge clk_i) if (rows_ready) rdesc_tag <= 3'(read_job.beats[4:1] - 4'd1);  // with the descriptors' job
    attention_unpack u_unpack (
        .clk_i, .rst_ni(core_rst_ni), .s_data_i(read_data), .s_top_i(read_tag), .s_last_i(read_last), .s_valid_i(read_valid),
        .s_ready_o(read_ready), .m_codes_o(read_word), .m_last_o(codes_last), .m_valid_o(read_word_valid),
        .m_ready_i(read_word_ready)
    );
    attention_decode #(.SideW(7)) u_decode (
        .clk_i, .rst_ni(core_rst_ni), .s_codes_i(word), .s_side_i({word_beats, word_end, word_last}), .s_valid_i(word_valid),
        .s_ready_o(word_ready), .m_data_o, .m_side_o({m_beats_o, m_end_o, m_last_o}), .m_valid_o, .m_ready_i
    );
    a_rows_end_together :
    assert property (@(posedge clk_i) disable iff (!core_rst_ni || clear_i)
        read_word_valid && read_word_ready && codes_last |-> word_end);
  end else begin : gen_read_bf16
    assign rdesc_tag = '0;
    assign read_word = read_data;
    assign read_word_valid = read_valid;
    assign read_ready = read_word_ready;
    assign {m_data_o, m_beats_o, m_end_o, m_last_o, m_valid_o} = {word, word_beats, word_end, word_last, word_valid};
    assign word_ready = m_ready_i;
    a_rows_end_together :
    assert property (@(posedge clk_i) disable iff (!core_rst_ni || clear_i)
        read_valid && read_ready && read_last |-> m_end_o);
  end

  assign idle_o = widle && ridle;
  wire unused = ^{wbusy, rbusy, done_tag, read_tag, wtag, rtag, level_r, level_w, level_s, read_last,
                  read_job, write_job};

  a_reads_see_rows :  // nothing is asked for while rows before it are under way
  assert property (@(posedge clk_i) disable iff (!core_rst_ni)
      go && read_job_ready |-> rows_more < 16'h8000 || read_job.fresh);
endmodule
